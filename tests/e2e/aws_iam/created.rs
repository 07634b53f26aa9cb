//! Access keys that the host creates, whose secrets go into a folder and are in no record.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use deed_test_support::shared::{declared, ended, look};
use deed_test_support::stories::prove;
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::moto::Key;
use deed_tests::world::{BOB, CAROL, HELPDESK, edit};
use serde_json::{Value, json};

use super::account::{Account, FOLDER, Mistake, installed};

const CREATE: &str = "aws_iam.create_access_key";

impl Account {
    /// Proposes a key for a new user, and approves it as bob and carol. Returns the action as people see it.
    fn created(&self, user: &str) -> Value {
        self.user(user);
        let proposal = declared(CREATE, json!({"user_name": user}));
        let id = self.world.propose(&proposal).unwrap().text("/id");
        for (person, token) in [("bob", BOB), ("carol", CAROL)] {
            assert_eq!(self.keys(user), json!([]), "nothing is sent before {person} approves");
            let (done, said) = self.world.approve(&id, person, token).unwrap();
            assert!(done, "{said}");
        }
        self.world.settled(&id).unwrap()
    }

    /// The ids of the user's access keys, as the server says.
    fn keys(&self, user: &str) -> Value {
        let answer = self.moto.call("list_access_keys", &json!({"UserName": user})).unwrap();
        let keys = answer["AccessKeyMetadata"].as_array().unwrap();
        keys.iter().map(|one| one["AccessKeyId"].clone()).collect()
    }

    /// Lets the user read users, and the user's own key be used.
    fn allow(&self, user: &str) {
        let actions = [
            "iam:GetUser",
            "iam:ListMFADevices",
            "iam:ListAccessKeys",
            "iam:ListAttachedUserPolicies",
        ];
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        });
        let policy = json!({
            "UserName": user, "PolicyName": "reads", "PolicyDocument": document.to_string(),
        });
        self.moto.call("put_user_policy", &policy).unwrap();
    }

    fn file(&self, view: &Value) -> PathBuf {
        let id = view["id"].as_str().unwrap();
        self.world.dir.join(FOLDER).join(format!("{id}-secret_access_key"))
    }
}

#[test]
fn the_secret_of_a_new_key_goes_into_the_vault_and_signs_requests() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let view = account.created("gina");
    ended(&account.world, &view, "verified", "every expectation holds");
    let file = account.file(&view);
    let secret = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);

    // The server accepts a request that is signed with the stored secret, and knows whose it is.
    let id = account.keys("gina")[0].as_str().unwrap().to_owned();
    account.allow("gina");
    let key = Key { id: id.clone(), secret: secret.clone(), token: None };
    let said = account.moto.call_as(&key, "get_user", &json!({"UserName": "gina"})).unwrap();
    assert_eq!(said["User"]["UserName"], "gina");
    let wrong = Key { secret: secret.chars().rev().collect(), ..key.clone() };
    account.moto.call_as(&wrong, "get_user", &json!({"UserName": "gina"})).unwrap_err();

    // People see the file; the agent sees that there is one; nobody sees the value.
    let place = format!("{FOLDER}/{}-secret_access_key", view["id"].as_str().unwrap());
    assert_eq!(view["secrets"][0]["file"], place.as_str(), "{view:#}");
    let action = format!("/v1/actions/{}", view["id"].as_str().unwrap());
    let agents = account.world.client(HELPDESK).get(&action).unwrap().json();
    assert_eq!(agents["secrets"], json!([{"name": "secret_access_key", "stored": true}]));
    let bundle = prove(&account.world, view["id"].as_str().unwrap());
    let attempts = look(&account.world, &view, "exchanges");
    let write = &attempts[0]["exchanges"][0];
    let answer =
        &write["response"]["CreateAccessKeyResponse"]["CreateAccessKeyResult"]["AccessKey"];
    assert_eq!(answer["SecretAccessKey"], "secret secret_access_key", "{write:#}");
    assert_eq!(answer["AccessKeyId"], id.as_str());
    assert_eq!(write["secrets"][0]["file"], place.as_str());
    let commitment = write["secrets"][0]["commitment"].as_str().unwrap();
    assert!(commitment.starts_with("private:hmac-sha256:"), "{commitment}");
    let replayed = host::expect(&["replay", bundle.to_str().unwrap()]).unwrap();
    assert!(!replayed.contains(&secret));
    assert_eq!(account.world.leaks(), []);

    // The file is a credential once the operator names it.
    used(&account, &id, &place);
    assert_eq!(account.world.leaks(), []);
}

/// Reads with the new key, after a reload.
fn used(account: &Account, id: &str, place: &str) {
    let dir = account.world.dir.clone();
    let reader = account.moto.reader.id.clone();
    edit(&dir, "deed.toml", &format!("key_id = \"{reader}\""), &format!("key_id = \"{id}\""))
        .unwrap();
    edit(&dir, "deed.toml", "file = \"secrets/aws_read\"", &format!("file = \"{place}\"")).unwrap();
    let says = account.world.reload().unwrap();
    assert_eq!(says["result"], "applied", "{says:#}");
    let view = account.run("aws_iam.get_user", &json!({"user_name": "gina"}));
    ended(&account.world, &view, "verified", "");
}

#[test]
fn a_key_whose_secret_is_lost_is_not_verified() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    account.proxy.set("POST", Fault::DropAfter);
    let view = account.created("hans");
    ended(&account.world, &view, "mismatch", "the answer with secret `secret_access_key` did not");
    assert_eq!(account.proxy.count("POST"), 1);
    assert_eq!(account.keys("hans").as_array().unwrap().len(), 1);
    assert!(!account.file(&view).exists());
}

#[test]
fn no_key_is_created_if_its_secret_could_not_be_stored() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let folder = account.world.dir.join(FOLDER);
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    let view = account.created("ida");
    // The commands that check the evidence refuse such a folder too.
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    ended(&account.world, &view, "failed", "could not be stored; the log of the host says why");
    assert!(!view["reason"].as_str().unwrap().contains(FOLDER), "{view:#}");
    assert!(account.world.host.as_ref().unwrap().log().contains("chmod 700 vault/aws"));
    assert_eq!((account.keys("ida"), account.proxy.count("POST")), (json!([]), 0));
}
