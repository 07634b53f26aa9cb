use serde_json::json;

use super::*;
use crate::services::ScimServer;
use crate::wait::until;

fn set_active(active: bool) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": active }],
    })
}

fn send(
    proxy: &Proxy,
    method: &str,
    path: &str,
    body: &str,
) -> std::result::Result<u16, ureq::Error> {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", proxy.base_url()))
        .header("authorization", format!("Bearer {}", ScimServer::WRITE_TOKEN))
        .header("content-type", "application/json")
        .body(body.to_owned())
        .unwrap();
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    agent.run(request).map(|response| response.status().as_u16())
}

/// The test uses one server and one user for all faults, because starting Python takes most of the time.
#[test]
fn every_fault_is_what_it_says() {
    let server = ScimServer::start().unwrap();
    let id = server.create_user("bjensen", Some(false)).unwrap();
    let proxy = Proxy::start(&server.base_url()).unwrap();
    let path = format!("/Users/{id}");
    let patch = |active| send(&proxy, "PATCH", &path, &set_active(active).to_string());
    let active = || server.get_user(&id).unwrap()["active"] == json!(true);

    assert_eq!(send(&proxy, "GET", &path, "").unwrap(), 200);
    assert_eq!(patch(true).unwrap(), 204);
    assert!(active(), "forwarded");

    for (fault, status) in [(Fault::Refuse { status: 403 }, 403), (Fault::Lie2xx, 204)] {
        proxy.set("PATCH", fault.clone());
        assert_eq!(patch(false).unwrap(), status);
        assert!(active(), "{fault:?} does not forward");
    }
    proxy.set("PATCH", Fault::DropBefore);
    assert!(patch(false).is_err());
    assert!(active(), "dropped before");

    proxy.set("PATCH", Fault::DropAfter);
    assert!(patch(false).is_err());
    assert!(!active(), "dropped after");

    proxy.set("PATCH", Fault::Status5xxAfter);
    assert_eq!(patch(true).unwrap(), 503);
    assert!(active(), "answered 503 after");

    proxy.set("PATCH", Fault::ApplyLater { ms: 1500 });
    assert_eq!(patch(false).unwrap(), 204);
    assert!(active(), "not yet");
    until("applied later", || !active());

    proxy.set("PATCH", Fault::Delay { ms: 10 });
    assert_eq!(patch(true).unwrap(), 204);
    assert!(active(), "delayed");
    assert_eq!(proxy.count("PATCH"), 8);

    proxy.set("PATCH", Fault::Hold);
    thread::scope(|scope| {
        let sent = scope.spawn(|| patch(false).unwrap());
        until("it has arrived", || proxy.count("PATCH") == 9);
        assert!(active(), "held");
        proxy.set("PATCH", Fault::None);
        assert_eq!(sent.join().unwrap(), 204);
    });
    assert!(!active(), "released");
}

#[test]
fn a_further_change_reaches_the_upstream_and_is_not_recorded() {
    let server = ScimServer::start().unwrap();
    let id = server.create_user("bjensen", None).unwrap();
    let proxy = Proxy::start(&server.base_url()).unwrap();
    let mut body = set_active(true);
    body["Operations"][0] = json!({ "op": "replace", "path": "title", "value": "root" });
    proxy.set("PATCH", Fault::AlsoPatch { body });
    let status = send(&proxy, "PATCH", &format!("/Users/{id}"), &set_active(true).to_string());
    assert_eq!(status.unwrap(), 204);
    let user = server.get_user(&id).unwrap();
    assert_eq!((&user["active"], &user["title"]), (&json!(true), &json!("root")));

    let seen = proxy.requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, format!("/v2/Users/{id}"));
    assert!(seen[0].header("authorization").is_some_and(|value| value.starts_with("Bearer ")));
    proxy.forget();
    assert!(proxy.requests().is_empty());
}
