//! A host with the contracts of `contracts/aws-iam/`, in front of a moto server with a faulty network.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use deed_test_support::shared::{declared, ended, scim};
use deed_tests::canary::Canary;
use deed_tests::proxy::Proxy;
use deed_tests::services::Result;
use deed_tests::services::moto::{Key, Moto};
use deed_tests::world::{self, BOB, CAROL, World};
use serde_json::{Value, json};

const CONTRACTS: [(&str, &str); 7] = [
    ("get_user", include_str!("../../../contracts/aws-iam/get_user.toml")),
    ("attach_user_policy", include_str!("../../../contracts/aws-iam/attach_user_policy.toml")),
    ("detach_user_policy", include_str!("../../../contracts/aws-iam/detach_user_policy.toml")),
    (
        "deactivate_mfa_device",
        include_str!("../../../contracts/aws-iam/deactivate_mfa_device.toml"),
    ),
    (
        "deactivate_access_key",
        include_str!("../../../contracts/aws-iam/deactivate_access_key.toml"),
    ),
    ("activate_access_key", include_str!("../../../contracts/aws-iam/activate_access_key.toml")),
    ("create_access_key", include_str!("../../../contracts/aws-iam/create_access_key.toml")),
];

const POLICY: &str = include_str!("../../../contracts/aws-iam/policy.cedar");
const CASES: &str = include_str!("../../../contracts/aws-iam/policy.cases.toml");
/// The policy that may be attached, as the files name it.
const LISTED: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
/// The policy that may be attached in the tests. moto has no policies of AWS.
pub(super) const POLICY_ARN: &str = "arn:aws:iam::123456789012:policy/ReadOnlyAccess";

const UPSTREAM: &str = r#"
[tenant.acme.upstream.aws_iam]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "aws_read", slot = { sigv4 = { key_id = "@read@", region = "us-east-1", service = "iam" } }@headers@ }
write = { secret = "aws_write", slot = { sigv4 = { key_id = "@write@", region = "us-east-1", service = "iam" } } }

[tenant.acme.secret.aws_read]
file = "secrets/aws_read"

[tenant.acme.secret.aws_write]
file = "secrets/aws_write"
"#;

/// The header of a session token, and its secret.
const SESSION_HEADER: &str = ", headers = { X-Amz-Security-Token = \"aws_session\" }";
const SESSION: &str = r#"
[tenant.acme.secret.aws_session]
file = "secrets/aws_session"
"#;

const GRANT: &str = r#"
[tenant.acme.grant."aws_iam.@name@"]
upstreams = ["aws_iam"]
"#;

/// The folder in which the host stores the secrets of new access keys.
pub(super) const FOLDER: &str = "vault/aws";

/// Whether moto is installed; if not, says so.
pub(super) fn installed() -> bool {
    let there = Moto::installed();
    if !there {
        let text =
            "NOT CHECKED: contracts/aws-iam with moto; it takes pip, then `make counterparts`\n";
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    there
}

/// The access key with which the host reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Reads {
    #[default]
    User,
    /// The temporary key with its session token.
    Session,
    /// The temporary key with this session token.
    OtherSession(&'static str),
}

/// How the credentials of the host differ from the right ones.
#[derive(Debug, Default)]
pub(super) struct Mistake {
    pub(super) secret: Option<&'static str>,
    pub(super) key_id: Option<&'static str>,
    pub(super) reads_as_writer: bool,
    pub(super) writes_as_reader: bool,
    pub(super) reads_by: Reads,
}

/// The fixture. When it is dropped, everything that the host wrote and answered is searched for the secret access keys.
pub(super) struct Account {
    pub(super) world: World,
    pub(super) moto: Moto,
    pub(super) proxy: Proxy,
}

impl Account {
    pub(super) fn start(mistake: &Mistake) -> Self {
        let moto = Moto::start().unwrap();
        let proxy = Proxy::start(&moto.base_url()).unwrap();
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
        });
        let policy =
            json!({"PolicyName": "ReadOnlyAccess", "PolicyDocument": document.to_string()});
        moto.call("create_policy", &policy).unwrap();
        let (read, write) = keys(&moto, mistake);
        let mut world =
            World::with(scim(), "scim", |dir| lay_out(dir, proxy.base_url(), &read, &write))
                .unwrap();
        for key in [&moto.reader, &moto.writer, &moto.session] {
            world.canaries.push(Canary::new("a secret access key", key.secret.as_bytes()));
            let token = key.token.iter();
            world.canaries.extend(token.map(|one| Canary::new("a session token", one.as_bytes())));
        }
        Self { world, moto, proxy }
    }

    /// Proposes an action and approves it as bob and carol, as long as it waits for people.
    pub(super) fn run(&self, contract: &str, params: &Value) -> Value {
        let proposed = self.world.propose(&declared(contract, params.clone())).unwrap();
        let id = proposed.text("/id");
        let mut view = self.world.settled(&id).unwrap();
        for (person, token) in [("bob", BOB), ("carol", CAROL)] {
            if view["status"] != "waiting" {
                break;
            }
            let (done, said) = self.world.approve(&id, person, token).unwrap();
            // An approval that was accepted and then became stale is an ordinary result.
            assert!(done || said.contains("the approval does not count"), "{said}");
            view = self.world.settled(&id).unwrap();
        }
        view
    }

    /// Runs the contract and checks its outcome.
    pub(super) fn ends(
        &self,
        contract: &str,
        params: &Value,
        outcome: &str,
        reason: &str,
    ) -> Value {
        let view = self.run(contract, params);
        ended(&self.world, &view, outcome, reason);
        view
    }

    /// Creates a user without the host.
    pub(super) fn user(&self, name: &str) {
        self.moto.call("create_user", &json!({"UserName": name})).unwrap();
    }

    /// Creates a user with an MFA device without the host, and returns the serial number of the device.
    pub(super) fn device(&self, user: &str) -> String {
        self.user(user);
        let made = json!({"VirtualMFADeviceName": user});
        let made = self.moto.call("create_virtual_mfa_device", &made).unwrap();
        let serial = made["VirtualMFADevice"]["SerialNumber"].as_str().unwrap().to_owned();
        let enabled = json!({
            "UserName": user, "SerialNumber": serial,
            "AuthenticationCode1": "123456", "AuthenticationCode2": "654321",
        });
        self.moto.call("enable_mfa_device", &enabled).unwrap();
        serial
    }

    /// Creates a user with an access key without the host, and returns the id of the key.
    pub(super) fn access_key(&self, user: &str) -> String {
        self.user(user);
        let made = self.moto.call("create_access_key", &json!({"UserName": user})).unwrap();
        made["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned()
    }

    /// The serial numbers of the user's devices, as the server says.
    pub(super) fn devices(&self, user: &str) -> Value {
        self.list("list_mfa_devices", user, "MFADevices", "SerialNumber")
    }

    /// The policies that are attached to the user, as the server says.
    pub(super) fn attached(&self, user: &str) -> Value {
        self.list("list_attached_user_policies", user, "AttachedPolicies", "PolicyArn")
    }

    /// The statuses of the user's access keys, as the server says.
    pub(super) fn statuses(&self, user: &str) -> Value {
        self.list("list_access_keys", user, "AccessKeyMetadata", "Status")
    }

    fn list(&self, operation: &str, user: &str, list: &str, member: &str) -> Value {
        let answer = self.moto.call(operation, &json!({"UserName": user})).unwrap();
        answer[list].as_array().unwrap().iter().map(|one| one[member].clone()).collect()
    }
}

/// The access keys with which the host reads and writes.
fn keys(moto: &Moto, mistake: &Mistake) -> (Key, Key) {
    let mut read = if mistake.reads_as_writer { &moto.writer } else { &moto.reader }.clone();
    let write = if mistake.writes_as_reader { &moto.reader } else { &moto.writer }.clone();
    match mistake.reads_by {
        Reads::User => {}
        Reads::Session => read = moto.session.clone(),
        Reads::OtherSession(token) => {
            read = Key { token: Some(token.to_owned()), ..moto.session.clone() };
        }
    }
    read.secret = mistake.secret.map_or(read.secret, str::to_owned);
    read.id = mistake.key_id.map_or(read.id, str::to_owned);
    (read, write)
}

/// Adds the contracts, the policies and the upstream to a directory.
pub(super) fn lay_out(dir: &Path, base: &str, read: &Key, write: &Key) -> Result<()> {
    fs::write(dir.join("policies/aws_iam.cedar"), POLICY.replace(LISTED, POLICY_ARN))?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/aws_iam.cedar\""))?;
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    let headers = read.token.as_ref().map_or("", |_| SESSION_HEADER);
    text += &UPSTREAM
        .replace("@base@", base)
        .replace("@read@", &read.id)
        .replace("@headers@", headers)
        .replace("@write@", &write.id);
    if read.token.is_some() {
        text += SESSION;
    }
    for (name, contract) in CONTRACTS {
        // moto shows every change at once.
        let contract = contract.replace("settle     = \"30s\"", "settle     = \"0s\"");
        fs::write(dir.join(format!("contracts/aws_iam_{name}.toml")), contract)?;
        text += &GRANT.replace("@name@", name);
        if name == "create_access_key" {
            text += "vault = { secret_access_key = \"";
            text += FOLDER;
            text += "\" }\n";
        }
    }
    fs::write(dir.join("deed.toml"), text)?;
    if let Some(token) = &read.token {
        world::store(dir, "aws_session", token)?;
    }
    world::store(dir, "aws_read", &read.secret)?;
    world::store(dir, "aws_write", &write.secret)
}

/// The policies answer as their cases say. No server is needed.
#[test]
fn the_policies_for_aws_iam_answer_as_their_cases_want() {
    let key = || Key {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "a-secret-access-key".to_owned(),
        token: None,
    };
    let world = World::lay_out(scim(), "scim").unwrap();
    lay_out(&world.dir, "http://127.0.0.1:9", &key(), &key()).unwrap();
    world.pin().unwrap();
    let file = world.dir.join("cases.toml");
    fs::write(&file, CASES.replace(LISTED, POLICY_ARN)).unwrap();
    let args = ["policy", "test", world.path(), file.to_str().unwrap(), "--tenant", "acme"];
    let output = deed_tests::host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = CASES.matches("[[case]]").count();
    assert!(said.ends_with(&format!("{count} cases, 0 differ\n")), "{said}");
}
