//! Packages in a registry: authentication, redirects, and who gets the credentials.

use super::fake::{Asks, Fake, Lie, PASSWORD, USER};
use super::{Desk, Said, deed};

const OWN: [&str; 4] = ["--registry-user", USER, "--registry-password", PASSWORD];

fn pull(desk: &Desk, fake: &Fake, more: &[&str]) -> Said {
    desk.pull(&fake.reference("1.0.0"), more)
}

#[test]
fn a_registry_keeps_a_package_with_every_kind_of_authentication() {
    for asks in [Asks::Nothing, Asks::Basic, Asks::Bearer] {
        let (desk, fake) = (Desk::new(), Fake::start(asks));
        let (code, said, errors) = desk.try_push(&fake.reference("1.0.0"), &OWN);
        assert_eq!(code, 0, "{asks:?}: {errors}");
        assert!(said.contains("@sha256:") && said.contains(": published"), "{said}");
        let (code, _, errors) = pull(&desk, &fake, &OWN);
        assert_eq!(code, 0, "{asks:?}: {errors}");
        assert_eq!(desk.written(), ["idp.set_title.toml", "titles.wasm"]);
        // The second push finds all blobs and stores none again.
        let before = fake.asked().iter().filter(|one| one.line.starts_with("POST")).count();
        assert_eq!(desk.try_push(&fake.reference("1.0.0"), &OWN).0, 0);
        let after = fake.asked().iter().filter(|one| one.line.starts_with("POST")).count();
        assert_eq!(before, after);
    }
}

#[test]
fn missing_and_wrong_credentials_are_told_with_the_remedy() {
    let (desk, basic) = (Desk::new(), Fake::start(Asks::Basic));
    let (code, _, errors) = desk.try_push(&basic.reference("1.0.0"), &[]);
    assert!(code == 1 && errors.contains("set DEED_REGISTRY_USER"), "{errors}");
    let wrong = ["--registry-user", USER, "--registry-password", "wrong"];
    let (code, _, errors) = desk.try_push(&basic.reference("1.0.0"), &wrong);
    assert!(code == 1 && errors.contains("answered 401"), "{errors}");
    let bearer = Fake::start(Asks::Bearer);
    let (code, _, errors) = desk.try_push(&bearer.reference("1.0.0"), &wrong);
    assert!(code == 1 && errors.contains("the token service answered 401"), "{errors}");
    assert!(!errors.contains("wrong"), "{errors}");
    let half = ["--registry-user", USER];
    let (code, _, errors) = desk.try_push(&bearer.reference("1.0.0"), &half);
    assert!(code == 2 && errors.contains("set both"), "{errors}");
}

/// The false answer that redirects to this address.
fn moved(to: &str) -> Lie {
    Lie::Says(307, format!("Location: {to}\r\n"), vec![])
}

#[test]
fn a_blob_may_be_elsewhere_but_the_credentials_stay() {
    let (desk, fake, store) = (Desk::new(), Fake::start(Asks::Basic), Fake::start(Asks::Nothing));
    assert_eq!(desk.try_push(&fake.reference("1.0.0"), &OWN).0, 0);
    let component = std::fs::read(desk.file("titles.wasm")).unwrap();
    let digest = deed_spec::digest::Digest::of(&component).to_string();
    store.store(&digest, component);
    fake.lie(
        &format!("blobs/{digest}"),
        moved(&format!("http://{}/store/{digest}", store.address())),
    );
    let (code, _, errors) = pull(&desk, &fake, &OWN);
    assert_eq!(code, 0, "{errors}");
    let asked = store.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].authorization, None);
}

#[test]
fn redirects_that_change_the_scheme_or_lead_away_are_refused() {
    let (desk, fake) = (Desk::new(), Fake::start(Asks::Nothing));
    assert_eq!(desk.try_push(&fake.reference("1.0.0"), &[]).0, 0);
    let own = format!("http://{}/v2/team/titles/blobs/", fake.address());
    for (to, words) in [
        ("https://127.0.0.1:1/x", "only addresses with `http://`"),
        ("http://192.0.2.1/x", "on another machine"),
        ("file:///etc/passwd", ""),
        ("//192.0.2.1/x", ""),
        (own.as_str(), "redirects with status 307"),
    ] {
        fake.be_honest();
        fake.lie("GET /v2/team/titles/blobs/", moved(to));
        desk.refused(&fake.reference("1.0.0"), words);
    }
    // A manifest is never elsewhere.
    fake.be_honest();
    fake.lie("/manifests/", moved("/elsewhere"));
    desk.refused(&fake.reference("1.0.0"), "redirects with status 307");
}

#[test]
fn an_upload_goes_to_no_other_address() {
    let (desk, fake, other) = (Desk::new(), Fake::start(Asks::Basic), Fake::start(Asks::Nothing));
    let to = format!("Location: http://{}/upload\r\n", other.address());
    fake.lie("POST ", Lie::Says(202, to, vec![]));
    let (code, _, errors) = desk.try_push(&fake.reference("1.0.0"), &OWN);
    assert!(code == 1 && errors.contains("another address"), "{errors}");
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    // A token service elsewhere, or over another scheme, is not asked.
    let challenge = "WWW-Authenticate: Bearer realm=\"https://192.0.2.1/token\"\r\n".to_owned();
    fake.be_honest();
    fake.lie("/v2/", Lie::Says(401, challenge, vec![]));
    let (code, _, errors) = desk.try_push(&fake.reference("1.0.0"), &OWN);
    assert!(code == 1 && errors.contains("only addresses with `http://`"), "{errors}");
}

#[test]
fn a_token_service_elsewhere_gets_the_credentials_and_the_person_is_told() {
    let (desk, fake, other) = (Desk::new(), Fake::start(Asks::Nothing), Fake::start(Asks::Bearer));
    let realm = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"\r\n", other.address());
    fake.lie("/v2/", Lie::Says(401, realm, vec![]));
    let told = format!(
        "the name and password are sent to `{}`, the token service that `{}` names",
        other.address(),
        fake.address()
    );
    let (code, _, errors) = desk.try_push(&fake.reference("1.0.0"), &OWN);
    assert!(code == 1 && errors.matches(&told).count() == 1, "{errors}");
    let asked = other.asked();
    assert!(asked[0].authorization.as_ref().unwrap().starts_with("Basic "), "{asked:?}");
    // Without credentials, nothing is sent and nothing is told.
    let (code, _, errors) = desk.try_push(&fake.reference("1.0.0"), &[]);
    assert!(code == 1 && !errors.contains("are sent to"), "{errors}");
    assert_eq!(other.asked().last().unwrap().authorization, None);
}

#[test]
fn the_reason_of_the_registry_reaches_the_author() {
    let (desk, fake) = (Desk::new(), Fake::start(Asks::Nothing));
    let body = br#"{"errors":[{"code":"DENIED","message":"quota\u001b exceeded"}]}"#.to_vec();
    fake.lie("POST ", Lie::Says(403, String::new(), body));
    let (code, _, errors) = desk.try_push(&fake.reference("1.0.0"), &[]);
    assert!(
        code == 1 && errors.contains("answered 403 (DENIED: quota\\u{1b} exceeded)"),
        "{errors}"
    );
    let (code, _, errors) = deed(&["adapter", "inspect", &fake.reference("2.0.0")]);
    assert!(code == 1 && errors.contains("no package with the tag `2.0.0`"), "{errors}");
}
