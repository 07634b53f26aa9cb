//! Signatures and manifests that an attacker with write access to the place has made. Nothing of them is written.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::statement::envelope::{Kind, Statement};
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::shelf::{COSIGN, DSSE, Shelf};
use super::{CONTRACT, Desk};

/// A published package, and the key of the author who is trusted.
struct Published {
    desk: Desk,
    package: String,
    predicate: Value,
    key: SigningKey,
}

fn published() -> Published {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    let key = fs::read_to_string(desk.file("alice.key")).unwrap();
    let contract = &pushed["contracts"][0];
    let predicate = json!({
        "name": "titles",
        "adapter": pushed["adapter"]["digest"],
        "contracts": {"idp.set_title.toml": contract["digest"]},
    });
    Published {
        package: pushed["package"].as_str().unwrap().to_owned(),
        predicate,
        key: SigningKey::from_pkcs8_pem(&key).unwrap(),
        desk,
    }
}

impl Published {
    fn shelf(&self) -> Shelf {
        self.desk.shelf()
    }

    fn envelope(&self, kind: Kind, package: Digest, predicate: Value) -> Envelope {
        Statement { kind, action: package, predicate }.sign(&self.key).unwrap()
    }

    fn own(&self) -> Digest {
        self.package.parse().unwrap()
    }

    /// Replaces the signatures by this envelope, and pulls.
    fn refused_with(&self, envelope: &Value, words: &str) {
        let layer = self.shelf().put(DSSE, envelope.to_string().as_bytes());
        self.shelf().signatures(&self.package, &[layer]);
        self.desk.refused(&self.desk.layout(), words);
    }

    /// Lets the tag name another manifest, which has no signature.
    fn refused_as(&self, change: impl Fn(&mut Value), words: &str) {
        let (_, mut manifest) = self.shelf().manifest("1.0.0");
        change(&mut manifest);
        self.shelf().tag("other", &manifest);
        let reference = self.desk.layout().replace(":1.0.0", ":other");
        self.desk.refused(&reference, words);
    }
}

#[test]
fn an_envelope_that_the_author_did_not_sign_for_this_package_is_refused() {
    let it = published();
    let good = it.envelope(Kind::Adapter, it.own(), it.predicate.clone());
    let layer = it.shelf().put(DSSE, json!(good).to_string().as_bytes());
    it.shelf().signatures(&it.package, &[layer]);
    assert_eq!(it.desk.pull(&it.desk.layout(), &[]).0, 0);
    fs::remove_dir_all(it.desk.file("out")).unwrap();
    let other = it.envelope(Kind::Adapter, Digest::of(b"other"), it.predicate.clone());
    it.refused_with(&json!(other), "it is a signature of another package");
    let approval = it.envelope(Kind::Approval, it.own(), it.predicate.clone());
    it.refused_with(&json!(approval), "urn:deed:adapter:v1");
    let mut predicate = it.predicate.clone();
    predicate["expires"] = json!("never");
    let more = it.envelope(Kind::Adapter, it.own(), predicate);
    it.refused_with(&json!(more), "unknown field `expires`");
    let mut predicate = it.predicate.clone();
    predicate["adapter"] = json!(Digest::of(b"other"));
    let files = it.envelope(Kind::Adapter, it.own(), predicate);
    it.refused_with(&json!(files), "lists other files");

    let mut envelope = json!(good);
    envelope["payloadType"] = json!("application/json");
    it.refused_with(&envelope, "the payload type is `application/json`");
    let mut envelope = json!(good);
    envelope["signatures"][0]["alg"] = json!("none");
    it.refused_with(&envelope, "unknown field `alg`");
    let mut envelope = json!(good);
    envelope["signatures"] = json!([]);
    it.refused_with(&envelope, "no trusted key");
    let mut envelope = json!(good);
    envelope["signatures"][0]["sig"] = json!(STANDARD.encode([0; 64]));
    it.refused_with(&envelope, "the signature does not match");
    let mut envelope = json!(good);
    envelope["payload"] = json!(STANDARD.encode("{}"));
    it.refused_with(&envelope, "the signature does not match");
}

#[test]
fn a_signature_in_the_form_of_cosign_is_accepted() {
    let it = published();
    let payload = |package: &str, kind: &str| {
        let identity = json!({"docker-reference": "registry.example/titles"});
        let image = json!({"docker-manifest-digest": package});
        json!({"critical": {"identity": identity, "image": image, "type": kind}, "optional": null})
            .to_string()
    };
    let store = |payload: &str, signature: &[u8]| {
        let mut layer = it.shelf().put(COSIGN, payload.as_bytes());
        let text = STANDARD.encode(signature);
        layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": text });
        it.shelf().signatures(&it.package, &[layer]);
    };
    let signed = |payload: &str| it.key.sign(payload.as_bytes()).to_bytes();
    let kind = "cosign container image signature";

    let other = payload(&Digest::of(b"other").to_string(), kind);
    store(&other, &signed(&other));
    it.desk.refused(&it.desk.layout(), "it is a signature of another package");
    let typed = payload(&it.package, "something else");
    store(&typed, &signed(&typed));
    it.desk.refused(&it.desk.layout(), "the type of the payload");
    let good = payload(&it.package, kind);
    store(&good, &SigningKey::from_bytes(&[9; 32]).sign(good.as_bytes()).to_bytes());
    it.desk.refused(&it.desk.layout(), "no trusted key made it");
    // An envelope's signature is not one of a payload, although the key is the same.
    let envelope = it.envelope(Kind::Adapter, it.own(), it.predicate.clone());
    store(&good, &STANDARD.decode(&envelope.signatures[0].sig).unwrap());
    it.desk.refused(&it.desk.layout(), "no trusted key made it");
    store(&good, &signed(&good));
    let (code, said, errors) = it.desk.pull(&it.desk.layout(), &[]);
    assert!(code == 0 && said.contains("signed by alice"), "{said}{errors}");
}

#[test]
fn a_bad_signature_does_not_hide_a_good_one() {
    let it = published();
    let good = it.envelope(Kind::Adapter, it.own(), it.predicate.clone());
    let good = it.shelf().put(DSSE, json!(good).to_string().as_bytes());
    let bad = it.shelf().put(DSSE, b"no envelope");
    let gone = json!({"mediaType": DSSE, "digest": Digest::of(b"gone"), "size": 4});
    let large = json!({"mediaType": DSSE, "digest": Digest::of(b"large"), "size": 1_u64 << 40});
    let foreign = it.shelf().put("text/html", b"<html>");
    it.shelf().signatures(&it.package, &[bad.clone(), gone, large, foreign, good.clone()]);
    let (code, said, errors) = it.desk.pull(&it.desk.layout(), &[]);
    assert!(code == 0 && said.contains("signed by alice"), "{said}{errors}");
    fs::remove_dir_all(it.desk.file("out")).unwrap();
    it.shelf().signatures(&it.package, &[vec![bad; 16], vec![good]].concat());
    it.desk.refused(&it.desk.layout(), "17 signatures");
}

#[test]
fn changed_files_are_refused() {
    let it = published();
    let (digest, manifest) = it.shelf().manifest("1.0.0");
    let blobs = [manifest["layers"][0]["digest"].clone(), manifest["layers"][1]["digest"].clone()];
    for blob in blobs.iter().map(|blob| blob.as_str().unwrap()).chain([digest.as_str()]) {
        let path = it.shelf().blob(blob);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[0] ^= 1;
        fs::write(&path, &changed).unwrap();
        it.desk.refused(&it.desk.layout(), "digest");
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        it.desk.refused(&it.desk.layout(), "");
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        it.desk.refused(&it.desk.layout(), "");
        fs::remove_file(&path).unwrap();
        it.desk.refused(&it.desk.layout(), "there is no");
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(it.desk.pull(&it.desk.layout(), &[]).0, 0);
}

/// Also a trusted author can publish contracts only, and not a file from which another program reads its settings.
#[test]
fn a_signed_file_that_is_no_contract_is_refused() {
    let it = published();
    let (_, mut manifest) = it.shelf().manifest("1.0.0");
    let reference = it.desk.layout().replace(":1.0.0", ":other");
    let title = "org.opencontainers.image.title";
    let foreign = CONTRACT.replace("\"titles\"", "\"other\"");
    for (file, text, words) in [
        ("bunfig.toml", "preload = [\"./x.ts\"]\n", "the file `bunfig.toml` is not a contract"),
        (
            "deed.toml",
            "[http]\nlisten = \"127.0.0.1:1\"\n",
            "the file `deed.toml` is not a contract",
        ),
        ("idp.set_title.toml", foreign.as_str(), "is for the adapter `other`"),
    ] {
        let mut layer = it.shelf().put("application/vnd.deed.contract.v1+toml", text.as_bytes());
        layer["annotations"] = json!({ title: file });
        let digest = layer["digest"].clone();
        manifest["layers"][1] = layer;
        let package = it.shelf().tag("other", &manifest);
        let mut predicate = it.predicate.clone();
        predicate["contracts"] = json!({ file: digest });
        let signed = it.envelope(Kind::Adapter, package.parse().unwrap(), predicate);
        let signature = it.shelf().put(DSSE, json!(signed).to_string().as_bytes());
        it.shelf().signatures(&package, &[signature]);
        it.desk.refused(&reference, words);
    }
}

#[test]
fn another_manifest_is_refused() {
    let it = published();
    let title = "org.opencontainers.image.title";
    for bad in
        ["../../x.wasm", "/tmp/x.wasm", "a/b.wasm", "x.sh", ".x.wasm", "-x.wasm", "x\u{1b}[2K.wasm"]
    {
        let change =
            |manifest: &mut Value| manifest["layers"][0]["annotations"][title] = json!(bad);
        it.refused_as(change, "it must end in `.wasm`");
    }
    let change =
        |manifest: &mut Value| manifest["layers"][1]["annotations"][title] = json!("../x.toml");
    it.refused_as(change, "it must end in `.toml`");
    let image = "application/vnd.oci.image.config.v1+json";
    it.refused_as(|manifest| manifest["config"]["mediaType"] = json!(image), "the config has");
    it.refused_as(|manifest| manifest["mediaType"] = json!("a/b"), "its media type is `a/b`");
    it.refused_as(|manifest| manifest["layers"] = json!([]), "0 components");
    it.refused_as(|manifest| manifest["schemaVersion"] = json!(1), "its schema version is 1");
    it.refused_as(|manifest| manifest["layers"][0]["size"] = json!(-1), "/layers/0/size");
    it.refused_as(|manifest| manifest["note"] = json!("mine"), "it has no signature");
    // An error quotes only the beginning of a long text.
    let long = "x".repeat(3 << 20);
    for part in ["/mediaType", "/config/mediaType", "/layers/0/mediaType", "/layers/0/size"] {
        let (_, mut manifest) = it.shelf().manifest("1.0.0");
        *manifest.pointer_mut(part).unwrap() = json!(long);
        it.shelf().tag("other", &manifest);
        let (code, _, errors) = it.desk.pull(&it.desk.layout().replace(":1.0.0", ":other"), &[]);
        assert!(code == 1 && errors.len() < 5_000, "{part}: {} bytes", errors.len());
    }
    // The text of a manifest does not control the terminal.
    let (_, _, errors) = {
        let (_, mut manifest) = it.shelf().manifest("1.0.0");
        manifest["config"]["mediaType"] = json!("\u{1b}[2K");
        it.shelf().tag("other", &manifest);
        it.desk.pull(&it.desk.layout().replace(":1.0.0", ":other"), &[])
    };
    assert!(errors.contains("\\u{1b}[2K") && !errors.contains('\u{1b}'), "{errors}");
}
