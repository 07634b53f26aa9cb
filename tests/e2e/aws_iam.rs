//! Tests of the contracts for AWS IAM, with requests that the host signs, on a server that checks signatures and
//! permissions. The tests read the server with boto3 and not through the host.

mod account;
mod clock;
mod created;

use deed_test_support::shared::{ended, look};
use deed_tests::proxy::Fault;
use serde_json::json;

use self::account::{Account, Mistake, POLICY_ARN, Reads, installed};

const HOLDS: &str = "every expectation holds";

#[test]
fn a_device_is_deactivated_after_two_approvals() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let device = account.device("anna");
    let params = json!({"user_name": "anna", "serial_number": device});
    let view = account.ends("aws_iam.deactivate_mfa_device", &params, "verified", HOLDS);
    let receipt = ended(&account.world, &view, "verified", HOLDS);
    assert_eq!(receipt["approvals"].as_array().unwrap().len(), 2, "{receipt:#}");
    assert_eq!(account.devices("anna"), json!([]));
    let before = look(&account.world, &view, "pre")["state"]["mfa"]["MFADevices"].clone();
    assert_eq!(before["member"][0]["SerialNumber"], device);
    let after = look(&account.world, &view, "post")["state"]["mfa"]["MFADevices"].clone();
    assert_eq!(after["member"], json!([]));
    account.ends("aws_iam.deactivate_mfa_device", &params, "denied", "does not hold");

    // The write is signed over its body; reads are signed over their query.
    let sent = account.proxy.requests();
    let write = sent.iter().find(|one| one.method == "POST").unwrap();
    let signature = write.header("authorization").unwrap();
    let (id, names) =
        (&account.moto.writer.id, "content-type;host;x-amz-content-sha256;x-amz-date");
    assert!(signature.contains(&format!("Credential={id}/")), "{signature}");
    assert!(signature.contains(&format!("SignedHeaders={names}, ")), "{signature}");
    let reads = sent.iter().filter(|one| one.method == "GET");
    for read in reads {
        let signature = read.header("authorization").unwrap();
        assert!(signature.contains(&format!("Credential={}/", account.moto.reader.id)));
    }
}

#[test]
fn a_policy_is_attached_and_detached() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    account.user("ben+x@example.com");
    let params = json!({"user_name": "ben+x@example.com", "policy_arn": POLICY_ARN});
    account.ends("aws_iam.attach_user_policy", &params, "verified", HOLDS);
    assert_eq!(account.attached("ben+x@example.com"), json!([POLICY_ARN]));
    account.ends("aws_iam.attach_user_policy", &params, "denied", "does not hold");
    account.ends("aws_iam.detach_user_policy", &params, "verified", HOLDS);
    assert_eq!(account.attached("ben+x@example.com"), json!([]));
    // No approval can allow a policy that is not listed.
    let other = json!({"user_name": "ben+x@example.com", "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    let forbidden = "aws-iam-attaches-listed-policies-only";
    account.ends("aws_iam.attach_user_policy", &other, "denied", forbidden);
    assert_eq!(account.attached("ben+x@example.com"), json!([]));
}

#[test]
fn an_access_key_is_switched_off_and_on() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let key = account.access_key("carl");
    let params = json!({"user_name": "carl", "access_key_id": key});
    account.ends("aws_iam.deactivate_access_key", &params, "verified", HOLDS);
    assert_eq!(account.statuses("carl"), json!(["Inactive"]));
    account.ends("aws_iam.activate_access_key", &params, "verified", HOLDS);
    assert_eq!(account.statuses("carl"), json!(["Active"]));
    let view = account.run("aws_iam.get_user", &json!({"user_name": "carl"}));
    ended(&account.world, &view, "verified", "");
    let state = look(&account.world, &view, "pre")["state"].clone();
    assert_eq!(state["user"]["Arn"], "arn:aws:iam::123456789012:user/carl");
    assert_eq!(state["keys"]["AccessKeyMetadata"]["member"][0]["AccessKeyId"], key);
    // The host's own users are not touched.
    let own = json!({"user_name": "deed-write", "access_key_id": account.moto.writer.id});
    let forbidden = "aws-iam-leaves-the-users-of-the-host-alone";
    account.ends("aws_iam.deactivate_access_key", &own, "denied", forbidden);
}

#[test]
fn a_refused_signature_says_what_to_correct() {
    if !installed() {
        return;
    }
    let of = |account: &Account| account.run("aws_iam.get_user", &json!({"user_name": "reader"}));
    let wrong = Mistake { secret: Some("a-secret-access-key-of-nobody"), ..Mistake::default() };
    let account = Account::start(&wrong);
    let why = "`SignatureDoesNotMatch`); check that secret `aws_read` belongs to access key";
    ended(&account.world, &of(&account), "failed", why);
    let unknown = Mistake { key_id: Some("AKIAIOSFODNN7EXAMPLE"), ..Mistake::default() };
    let account = Account::start(&unknown);
    let why = "access key `AKIAIOSFODNN7EXAMPLE` is not known or not active";
    ended(&account.world, &of(&account), "failed", why);
}

/// The session token of a temporary key is in a header of its own, which is signed.
#[test]
fn a_temporary_key_is_used_with_its_session_token() {
    if !installed() {
        return;
    }
    let of = |account: &Account| account.run("aws_iam.get_user", &json!({"user_name": "reader"}));
    let reading = |reads_by| Account::start(&Mistake { reads_by, ..Mistake::default() });
    let account = reading(Reads::Session);
    let view = of(&account);
    ended(&account.world, &view, "verified", "");
    let sent = account.proxy.requests();
    let signature = sent[0].header("authorization").unwrap();
    assert!(signature.contains("x-amz-date;x-amz-security-token, "), "{signature}");
    let account = reading(Reads::OtherSession("another-session-token"));
    ended(&account.world, &of(&account), "failed", "the state could not be read");
}

#[test]
fn a_missing_permission_is_named() {
    if !installed() {
        return;
    }
    // The reader has the access key of the writer, who may not read.
    let account = Account::start(&Mistake { reads_as_writer: true, ..Mistake::default() });
    let view = account.run("aws_iam.get_user", &json!({"user_name": "reader"}));
    ended(
        &account.world,
        &view,
        "failed",
        "lacks the permission `iam:ListAccessKeys` (`AccessDenied`)",
    );
    // The writer has the access key of the reader, who may not write. The ledger has the reason.
    let account = Account::start(&Mistake { writes_as_reader: true, ..Mistake::default() });
    let device = account.device("dora");
    let params = json!({"user_name": "dora", "serial_number": device});
    let contract = "aws_iam.deactivate_mfa_device";
    let view =
        account.ends(contract, &params, "failed", "the upstream refused and nothing changed");
    let why = "lacks the permission `iam:DeactivateMFADevice` (`AccessDenied`)";
    let lines = view["ledger"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["text"].as_str().unwrap().contains(why)), "{view:#}");
    assert_eq!(account.devices("dora")[0], device);
}

#[test]
fn a_server_that_lies_is_found_out() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let device = account.device("emil");
    account.proxy.set("POST", Fault::Lie2xx);
    let params = json!({"user_name": "emil", "serial_number": device});
    account.ends("aws_iam.deactivate_mfa_device", &params, "mismatch", "nothing changed");
    assert_eq!(account.devices("emil")[0], device);
}

/// The answer to a write is lost. The host reads the state, and does not send the write again.
#[test]
fn a_lost_answer_does_not_deactivate_twice() {
    if !installed() {
        return;
    }
    let account = Account::start(&Mistake::default());
    let device = account.device("fred");
    account.proxy.set("POST", Fault::DropAfter);
    account.proxy.forget();
    let params = json!({"user_name": "fred", "serial_number": device});
    account.ends("aws_iam.deactivate_mfa_device", &params, "verified", HOLDS);
    assert_eq!(account.proxy.count("POST"), 1);
    assert_eq!(account.devices("fred"), json!([]));
}
