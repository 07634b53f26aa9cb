//! Approvals that a passkey signed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deed_record::lifecycle::event::{Answer, Event};
use deed_record::statement::activation::relying_party_digest;
use deed_record::statement::approver::{ApproverKey, CHALLENGE};
use deed_record::statement::envelope::Signed;
use deed_spec::digest::Digest;
use deed_spec::dsse::{self, Envelope};
use deed_spec::webauthn::{Assertion, RelyingParty};
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

use super::story::{World, approved};
use crate::{Approver, Report, Status, Trust, TrustError, Verdict, verify};

const ORIGIN: &str = "https://deed.example";

fn relying_party(origin: &str) -> RelyingParty {
    RelyingParty { rp_id: "deed.example".into(), origins: [origin.to_owned()].into() }
}

/// What the authenticator and the browser write. Tests change it before it is signed.
struct Ceremony {
    flags: u8,
    client: Value,
    shown: Option<Digest>,
}

fn honest() -> Ceremony {
    let client = json!({"type": "webauthn.get", "origin": ORIGIN, "crossOrigin": false});
    Ceremony { flags: 0x05, client, shown: Some(Digest::of(b"text")) }
}

/// An action that `lead` approved with a passkey.
fn approved_by_passkey(ceremony: &Ceremony) -> World {
    approved_for(ceremony, &relying_party(ORIGIN))
}

/// The same, with a decision under an activation of the passkey for this relying party.
fn approved_for(ceremony: &Ceremony, party: &RelyingParty) -> World {
    let mut world = approved();
    let mut lead = world.activation.approvers.pop_first().unwrap();
    lead.passkey = Some(relying_party_digest(party).unwrap());
    world.activation.approvers.insert(lead);
    let digest = world.activated().payload_digest().unwrap();
    for event in &mut world.entries {
        if let Event::Decided { activated, .. } = event {
            *activated = digest;
        }
    }
    answered(world, ceremony)
}

/// Replaces the answer of `lead` by one that was signed in this ceremony.
fn answered(world: World, ceremony: &Ceremony) -> World {
    let answer = world.answer("lead", &world.approver, |terms| terms.shown = ceremony.shown);
    let envelope = asserted(&world, Envelope::clone(&answer.envelope), ceremony);
    world.answered(Answer { envelope: Signed::shared(envelope), ..answer })
}

fn asserted(world: &World, mut envelope: Envelope, ceremony: &Ceremony) -> Envelope {
    let challenge = dsse::challenge(CHALLENGE, &envelope.payload_bytes().unwrap());
    let mut client = ceremony.client.clone();
    client["challenge"] = URL_SAFE_NO_PAD.encode(challenge.as_bytes()).into();
    let client = serde_json::to_vec(&client).unwrap();
    let rp_id_hash = Digest::of(b"deed.example");
    let authenticator = [rp_id_hash.as_bytes().as_slice(), &[ceremony.flags, 0, 0, 0, 0]].concat();
    let message = [authenticator.as_slice(), Digest::of(&client).as_bytes()].concat();
    envelope.signatures[0].sig = STANDARD.encode(world.approver.sign(&message).to_bytes());
    envelope.signatures[0].webauthn = Some(Assertion {
        authenticator_data: STANDARD.encode(&authenticator),
        client_data: STANDARD.encode(&client),
    });
    envelope
}

/// The trust directory with the passkey of `lead` for this origin.
fn trust(world: &World, origin: &str) -> Trust {
    let mut trust = world.trust();
    let lead = &mut trust.approvers.as_mut().unwrap()[0];
    let pem = lead.key.to_pem().unwrap();
    lead.key = ApproverKey::read(&pem, Some(relying_party(origin))).unwrap();
    trust
}

fn detail(report: &Report) -> String {
    let failed = report.checks.iter().filter(|line| line.status == Status::Fail);
    failed.map(|line| format!("{}: {}", line.name, line.detail)).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_approval_by_passkey_is_verified_and_named() {
    let world = approved_by_passkey(&honest());
    let report = verify(&world.bundle(), Some(&trust(&world, ORIGIN)));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let keyid = dsse::key_id(&world.approver.verifying_key()).unwrap();
    let said = report.checks.iter().find(|line| line.name == "approvals").unwrap();
    assert_eq!(said.detail, format!("lead (support-lead) approved by passkey {keyid}"));
}

#[test]
fn an_assertion_that_is_no_approval_fails() {
    let client = |name: &str, value: Value| {
        let mut one = honest();
        one.client[name] = value;
        one
    };
    for (ceremony, why) in [
        (Ceremony { flags: 0x01, ..honest() }, "did not verify the person"),
        (Ceremony { flags: 0x04, ..honest() }, "did not test that a person is present"),
        (Ceremony { shown: None, ..honest() }, "must have `shown`"),
        (client("type", "webauthn.create".into()), "`type` of the client data"),
        (client("origin", "https://evil.example".into()), "`https://evil.example`"),
        (client("crossOrigin", true.into()), "in a frame of a page of another origin"),
        (client("topOrigin", ORIGIN.into()), "in a frame of a page of another origin"),
    ] {
        let world = approved_by_passkey(&ceremony);
        let report = verify(&world.bundle(), Some(&trust(&world, ORIGIN)));
        assert_eq!(report.verdict, Verdict::Failed, "{why}: {report:#?}");
        assert!(detail(&report).starts_with("approvals: answer 0: "), "{why}: {report:#?}");
        assert!(detail(&report).contains(why), "{why}: {report:#?}");
    }
}

#[test]
fn trust_decides_whether_a_key_is_a_passkey_and_where_it_may_be_used() {
    let world = approved_by_passkey(&honest());
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert!(detail(&report).contains("its key is a key file"), "{report:#?}");
    let report = verify(&world.bundle(), Some(&trust(&world, "https://console.deed.example")));
    assert!(detail(&report).contains("is not an origin of this passkey"), "{report:#?}");
    let report = verify(&approved().bundle(), Some(&trust(&world, ORIGIN)));
    assert!(detail(&report).contains("its key is a passkey"), "{report:#?}");
}

#[test]
fn the_origins_in_force_are_those_of_the_activation() {
    let world = answered(approved(), &honest());
    let report = verify(&world.bundle(), Some(&trust(&world, ORIGIN)));
    assert!(detail(&report).contains("was not activated as `support-lead`"), "{report:#?}");
}

/// The trust directory in which the passkey of `lead` had `ORIGIN` alone until the last index, and has another origin
/// too since then.
fn trust_with_more_origins(world: &World) -> Trust {
    let mut trust = trust(world, ORIGIN);
    let approvers = trust.approvers.as_mut().unwrap();
    let mut later = approvers[0].clone();
    approvers[0].until_index = Some(1000);
    later.from_index = Some(1001);
    later.key = ApproverKey::read(&later.key.to_pem().unwrap(), Some(two_origins())).unwrap();
    approvers.push(later);
    trust
}

fn two_origins() -> RelyingParty {
    let mut party = relying_party(ORIGIN);
    party.origins.insert("https://console.deed.example".to_owned());
    party
}

#[test]
fn the_origins_of_a_passkey_may_change_between_an_approval_and_its_decision() {
    let world = approved_for(&honest(), &two_origins());
    let report = verify(&world.bundle(), Some(&trust_with_more_origins(&world)));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    // The activated origins must be those of a record, and the answer must be valid for them.
    let report = verify(&world.bundle(), Some(&trust(&world, ORIGIN)));
    assert!(detail(&report).contains("was not activated as `support-lead`"), "{report:#?}");
    let moved = relying_party("https://console.deed.example");
    let world = approved_for(&honest(), &moved);
    let mut trust = trust_with_more_origins(&world);
    let later = &mut trust.approvers.as_mut().unwrap()[1];
    later.key = ApproverKey::read(&later.key.to_pem().unwrap(), Some(moved)).unwrap();
    let report = verify(&world.bundle(), Some(&trust));
    assert!(detail(&report).contains("was not activated as `support-lead`"), "{report:#?}");
}

#[test]
fn a_key_may_be_of_another_kind_at_another_time() {
    let world = approved_by_passkey(&honest());
    let mut trust = trust(&world, ORIGIN);
    let mut file = world.trust().approvers.unwrap().remove(0);
    let ranges = |trust: &mut Trust, file: &mut Approver, until: Option<u64>, from: Option<u64>| {
        (file.until_index, trust.approvers.as_mut().unwrap()[0].from_index) = (until, from);
        let mut both = trust.clone();
        both.approvers.as_mut().unwrap().push(file.clone());
        both
    };
    for (until, from) in [(Some(3), Some(3)), (None, Some(4)), (Some(3), None)] {
        let both = ranges(&mut trust, &mut file, until, from);
        assert!(matches!(both.files(), Err(TrustError::Kinds(_))), "{until:?} {from:?}");
    }
    // The other entries of the log precede this action, so the key is a passkey for its approval.
    let both = ranges(&mut trust, &mut file, Some(3), Some(4));
    assert_eq!(Trust::parse(&both.files().unwrap()), Ok(both.clone()));
    let report = verify(&world.bundle(), Some(&both));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let both = ranges(&mut trust, &mut file, Some(1000), Some(1001));
    let report = verify(&world.bundle(), Some(&both));
    assert!(detail(&report).contains("its key is a key file"), "{report:#?}");
}

#[test]
fn passkeys_survive_the_files_and_a_key_is_of_one_kind() {
    let world = approved();
    let mut trust = trust(&world, ORIGIN);
    assert_eq!(Trust::parse(&trust.files().unwrap()), Ok(trust.clone()));
    let file = world.trust().approvers.unwrap().remove(0);
    trust.approvers.as_mut().unwrap().push(file);
    assert!(matches!(trust.files(), Err(TrustError::Kinds(_))), "{trust:?}");
    let entry = |passkey: &str| {
        let key = dsse::to_pem(&world.approver.verifying_key()).unwrap();
        let text = format!(
            "[{{\"key\":{},\"passkey\":{passkey},\"person\":\"lead\",\"roles\":[]}}]",
            Value::from(key)
        );
        Trust::parse(&[("approvers.json".to_owned(), text.into_bytes())].into())
    };
    let good = r#"{"rp_id":"deed.example","origins":["https://deed.example"]}"#;
    assert!(entry(good).is_ok());
    let origins = "\"https://deed.example:8443\",\"https://deed.example\"";
    let unsorted = format!("{{\"rp_id\":\"deed.example\",\"origins\":[{origins}]}}");
    assert!(entry(&unsorted).is_ok(), "the order has no meaning");
    for passkey in [
        r#"{"rp_id":"deed.example"}"#,
        r#"{"rp_id":"deed.example","origins":[]}"#,
        r#"{"rp_id":"deed.example","origins":["https://deed.example","https://deed.example"]}"#,
        r#"["deed.example",["https://deed.example"]]"#,
        "null",
        r#"{"rp_id":"deed.example","origins":["https://evil.example"]}"#,
        r#"{"rp_id":"deed.example","origins":["https://deed.example"],"user_verification":false}"#,
    ] {
        assert!(entry(passkey).is_err(), "{passkey}");
    }
}
