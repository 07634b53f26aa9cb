//! Reset MFA, fix permissions and rotate a key: on `moto`, which checks signatures and permissions. boto3 reads the
//! server without the host.

use deed_tests::record::contracts::Kind;
use deed_tests::services::Result;
use deed_tests::services::moto::Moto;
use serde_json::{Value, json};

use super::system::{Action, Item, Read, Setup, System};

const DEVICE: &str = "aws_iam.deactivate_mfa_device";
const ATTACH: &str = "aws_iam.attach_user_policy";
const KEY: &str = "aws_iam.deactivate_access_key";

/// Every action reads the user and one list of the user.
const fn action(contract: &'static str, kind: Kind) -> Action {
    Action { folder: "aws-iam", contract, kind, reads: &[Read::Named, Read::Named] }
}

const ACTIONS: [Action; 3] =
    [action(DEVICE, Kind::Add), action(ATTACH, Kind::Set), action(KEY, Kind::Set)];

const UPSTREAM: &str = r#"
[tenant.acme.upstream.aws_iam]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "aws_read", slot = { sigv4 = { key_id = "@read@", region = "us-east-1", service = "iam" } } }
write = { secret = "aws_write", slot = { sigv4 = { key_id = "@write@", region = "us-east-1", service = "iam" } } }

[tenant.acme.secret.aws_read]
file = "secrets/aws_read"

[tenant.acme.secret.aws_write]
file = "secrets/aws_write"
"#;

/// moto has no policies of AWS, so the fixture makes this one.
const POLICY_ARN: &str = "arn:aws:iam::123456789012:policy/ReadOnlyAccess";

pub(super) struct AwsIam(Moto);

impl AwsIam {
    pub(super) fn start() -> Result<Self> {
        let moto = Moto::start()?;
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
        });
        let policy =
            json!({"PolicyName": "ReadOnlyAccess", "PolicyDocument": document.to_string()});
        moto.call("create_policy", &policy)?;
        Ok(Self(moto))
    }

    /// Gives the user an MFA device, and returns its serial number.
    fn device(&self, user: &str) -> Result<Value> {
        let made =
            self.0.call("create_virtual_mfa_device", &json!({"VirtualMFADeviceName": user}))?;
        let serial = made["VirtualMFADevice"]["SerialNumber"].clone();
        let enabled = json!({
            "UserName": user, "SerialNumber": serial,
            "AuthenticationCode1": "123456", "AuthenticationCode2": "654321",
        });
        self.0.call("enable_mfa_device", &enabled)?;
        Ok(serial)
    }

    /// A member of each element of a list of the user.
    fn list(&self, operation: &str, user: &str, list: &str, member: &str) -> Result<Vec<Value>> {
        let answer = self.0.call(operation, &json!({"UserName": user}))?;
        let elements = answer[list].as_array().ok_or_else(|| format!("there is no `{list}`"))?;
        Ok(elements.iter().map(|one| one[member].clone()).collect())
    }
}

impl System for AwsIam {
    fn actions(&self) -> &'static [Action] {
        &ACTIONS
    }

    fn at_once(&self) -> usize {
        4
    }

    fn base_url(&self) -> String {
        self.0.base_url()
    }

    fn setup(&self, url: &str) -> Setup {
        let (read, write) = (&self.0.reader, &self.0.writer);
        let upstreams = UPSTREAM.replace("@base@", url);
        let upstreams = upstreams.replace("@read@", &read.id).replace("@write@", &write.id);
        let secrets = vec![("aws_read", read.secret.clone()), ("aws_write", write.secret.clone())];
        // The server shows every change at once.
        Setup { upstreams, secrets, settle: Some("0s") }
    }

    fn make(&self, action: &Action, name: &str) -> Result<Item> {
        self.0.call("create_user", &json!({"UserName": name}))?;
        let params = match action.contract {
            DEVICE => json!({"user_name": name, "serial_number": self.device(name)?}),
            ATTACH => json!({"user_name": name, "policy_arn": POLICY_ARN}),
            _ => {
                let made = self.0.call("create_access_key", &json!({"UserName": name}))?;
                let id = &made["AccessKey"]["AccessKeyId"];
                json!({"user_name": name, "access_key_id": id})
            }
        };
        Ok(Item { text: name.to_owned(), params })
    }

    fn shown(&self, action: &Action, item: &Item) -> Result<usize> {
        let user = &item.text;
        let shows = match action.contract {
            DEVICE => self.list("list_mfa_devices", user, "MFADevices", "SerialNumber")?.is_empty(),
            ATTACH => {
                let list = "AttachedPolicies";
                let all = self.list("list_attached_user_policies", user, list, "PolicyArn")?;
                all == [json!(POLICY_ARN)]
            }
            _ => {
                let all = self.list("list_access_keys", user, "AccessKeyMetadata", "Status")?;
                all == [json!("Inactive")]
            }
        };
        Ok(usize::from(shows))
    }
}
