//! The statement that an author signs: an in-toto statement about the manifest of a package, in a DSSE envelope.

use std::collections::BTreeMap;

use deed_record::statement::envelope::{Kind, Statement};
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::content::Content;

/// The predicate. It repeats what the manifest says, so that a reader of the statement alone knows what was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    name: String,
    adapter: Digest,
    /// The digests of the files of the contracts, by file name.
    contracts: BTreeMap<String, Digest>,
}

impl Signed {
    fn of(content: &Content) -> Self {
        let contracts = content.contracts.iter().map(|one| (one.file.clone(), one.digest));
        Self {
            name: content.name.clone(),
            adapter: content.adapter.digest,
            contracts: contracts.collect(),
        }
    }
}

/// Signs a package, and returns the envelope in canonical JSON.
pub(super) fn sign(content: &Content, key: &SigningKey) -> Result<Vec<u8>, String> {
    let (action, predicate) = (content.package, Signed::of(content));
    let envelope = Statement { kind: Kind::Adapter, action, predicate }.sign(key);
    let envelope = envelope.map_err(|error| error.to_string())?;
    json::to_canonical(&envelope).map_err(|error| error.to_string())
}

/// Checks the signature first, and then that the statement is about this package.
pub(super) fn check(
    envelope: &Envelope,
    key: &VerifyingKey,
    content: &Content,
) -> Result<(), String> {
    let statement = Statement::open(envelope, key, Kind::Adapter);
    let statement = statement.map_err(|error| error.to_string())?;
    if statement.action != content.package {
        return Err(format!("it is a signature of another package, {}", statement.action));
    }
    let signed: Signed =
        json::from_exact(statement.predicate).map_err(|error| format!("the statement: {error}"))?;
    if signed == Signed::of(content) {
        Ok(())
    } else {
        Err("the signed statement lists other files than the manifest".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::package::content::Part;

    fn content() -> Content {
        let part = |file: &str| Part {
            file: file.to_owned(),
            digest: Digest::of(file.as_bytes()),
            bytes: 1,
        };
        Content {
            package: Digest::of(b"manifest"),
            name: "titles".to_owned(),
            adapter: part("titles.wasm"),
            contracts: vec![part("b.toml"), part("a.toml")],
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn checked(statement: &Statement, content: &Content) -> Result<(), String> {
        check(&statement.sign(&key()).unwrap(), &key().verifying_key(), content)
    }

    fn statement(kind: Kind, predicate: Value) -> Statement {
        Statement { kind, action: content().package, predicate }
    }

    #[test]
    fn a_signature_is_of_one_package() {
        let bytes = sign(&content(), &key()).unwrap();
        let envelope: Envelope = json::from_value(json::parse(&bytes).unwrap()).unwrap();
        let public = key().verifying_key();
        assert_eq!(check(&envelope, &public, &content()), Ok(()));
        let other = Content { package: Digest::of(b"other"), ..content() };
        assert!(check(&envelope, &public, &other).unwrap_err().contains("another package"));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert!(check(&envelope, &other, &content()).is_err());
    }

    #[test]
    fn a_statement_of_another_kind_or_form_is_refused() {
        let good = serde_json::to_value(Signed::of(&content())).unwrap();
        assert_eq!(checked(&statement(Kind::Adapter, good.clone()), &content()), Ok(()));
        let refused = checked(&statement(Kind::Approval, good.clone()), &content());
        assert!(refused.unwrap_err().contains("urn:deed:adapter:v1"));
        let mut more = good.clone();
        more["expires"] = json!(1);
        let refused = checked(&statement(Kind::Adapter, more), &content());
        assert!(refused.unwrap_err().contains("unknown field `expires`"));
        let listed = json!([good["name"], good["adapter"], good["contracts"]]);
        let refused = checked(&statement(Kind::Adapter, listed), &content());
        assert!(refused.unwrap_err().contains("the record has another form"));
        let mut other = good;
        other["adapter"] = json!(Digest::of(b"other"));
        let refused = checked(&statement(Kind::Adapter, other), &content());
        assert!(refused.unwrap_err().contains("other files"));
    }
}
