//! Fuzz target for callers' HTTP requests. The target runs all code of the request path except guests.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use deed_host::engine::Engine;
use deed_host::http::{self, App};
use deed_host::mcp;
use deed_host::{config, console};
use deed_system::clock::Clock;
use http_body_util::BodyExt as _;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::served;

/// A host whose tenant has no grants, so that no proposal becomes an action.
struct Host {
    runtime: Runtime,
    router: Router,
    operations: Router,
}

/// The input is `METHOD TARGET`, header lines, an empty line and a body. The answer is never a server error, and every
/// refusal carries problem details.
pub(crate) fn run(data: &[u8]) {
    let Some(request) = request(data) else { return };
    let Host { runtime, router, operations } = host();
    let router =
        if request.uri().path().starts_with("/v1") || request.uri().path().starts_with("/log") {
            router
        } else {
            operations
        };
    let (head, body) = runtime.block_on(async {
        let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        (head, body.collect().await.unwrap().to_bytes())
    });
    let status = head.status.as_u16();
    assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
    if status >= 400 && !body.is_empty() {
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], status, "{problem}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let agent = format!("authorization: Bearer {}\n", served::HELPDESK);
    let person = format!("authorization: Bearer {}\n", served::BOB);
    let proposal = r#"{"contract":"idp.read_user","params":{"user_id":"1"},"intent":"i"}"#;
    let id = "act_00000000010000000000000000";
    let envelope =
        r#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}"#;
    [
        format!("POST /v1/actions\n{agent}prefer: wait=1\nidempotency-key: k\n\n{proposal}"),
        format!(
            "POST /v1/explain\n{agent}traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n\n{proposal}"
        ),
        format!("GET /v1/actions?status=waiting&limit=5&trace=0af7651916cd43dd8448eb211c80319c&resource=b%2Fc\n{person}\n"),
        format!("GET /v1/actions/{id}\n{person}prefer: wait=1\n\n"),
        format!("POST /v1/actions/{id}/cancel\n{agent}\n"),
        format!("GET /v1/actions/{id}/bundle\n{person}\n"),
        format!("GET /v1/actions/{id}/approval_request\n{person}\n"),
        format!("POST /v1/actions/{id}/approvals\n{person}\n{envelope}"),
        format!("GET /v1/contracts\n{agent}\n"),
        format!("GET /v1/contracts/idp.read_user\n{agent}\n"),
        "GET /log/acme/checkpoint\n\n".into(),
        "GET /log/acme/tile/0/000\n\n".into(),
        "GET /log/acme/tile/entries/x001/000.p/7\n\n".into(),
        "GET /metrics\n\n".into(),
        "GET /readyz\n\n".into(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn request(data: &[u8]) -> Option<Request<Body>> {
    let at = data.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = data.split_at(at);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut builder = Request::builder().method(method).uri(target);
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        builder = builder.header(&line[..at], line[at + 1..].trim_ascii());
    }
    builder.body(Body::from(body[2..].to_vec())).ok()
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let dir = served::make("front", &served::toml("empty", &[]));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let entered = runtime.enter();
        let engine = Engine::open(config::load(&dir).unwrap(), Clock::new()).unwrap();
        let app = App::new(engine, 64);
        let (router, operations) = (
            http::router(app.clone(), mcp::routes(&app).merge(console::routes(&app))),
            http::operations(app),
        );
        drop(entered);
        Host { runtime, router, operations }
    })
}
