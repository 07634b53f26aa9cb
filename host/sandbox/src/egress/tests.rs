use std::sync::Mutex;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::exchange::Fate;
use deed_record::exchange::codec::{Codec, Incoming, Outgoing};
use deed_system::clock::Clock;
use serde_json::json;

use super::super::tests::support::{self, Reply, Server};
use super::allowlist::Allowance;
use super::*;

fn ask(rendered: &Rendered) -> Request {
    Request {
        upstream: rendered.upstream.clone(),
        method: rendered.method.clone(),
        path: rendered.path.clone(),
        headers: Vec::new(),
        body: rendered.body.as_ref().map(ToString::to_string),
    }
}

/// Sends one GET without a journal, as an observation does.
async fn observe(upstream: &Upstream) -> (Result<Response, Error>, Exchange) {
    let request = support::get("/Users/42");
    let mut egress = support::egress(upstream, vec![request.clone()], None);
    let answer = egress.send(&ask(&request)).await;
    let exchange = egress.close().await.0.remove(0);
    replays(&request, &answer, &exchange).await;
    (answer, exchange)
}

/// Sends one PATCH. The journal accepts the intent of the write, or refuses it with the reason `refusal`.
async fn perform(
    upstream: &Upstream,
    refusal: Option<&'static str>,
) -> (Result<Response, Error>, Exchange, usize) {
    let request = support::patch("/Users/42");
    let kept = Arc::default();
    let mut egress =
        support::egress(upstream, vec![request.clone()], Some(support::intend(&kept, refusal)));
    let answer = egress.send(&ask(&request)).await;
    let count = kept.lock().unwrap().len();
    let exchange = egress.close().await.0.remove(0);
    replays(&request, &answer, &exchange).await;
    (answer, exchange, count)
}

/// Replays the request with the record of its exchange, as `deed replay` does, and expects the same answer and the same
/// record.
async fn replays(request: &Rendered, answer: &Result<Response, Error>, exchange: &Exchange) {
    let bytes = json::to_canonical(exchange).unwrap();
    let recorded: Exchange = serde_json::from_slice(&bytes).unwrap();
    let mut egress = support::egress(&support::upstream(1), vec![request.clone()], None);
    egress.road = Transport::record(&Live::new(vec![]), vec![recorded]);
    let again = egress.send(&ask(request)).await;
    assert_eq!(format!("{again:?}"), format!("{answer:?}"));
    let beyond = egress.send(&ask(request)).await;
    assert!(
        matches!(beyond, Err(Error::NotSent(text)) if text.contains("the record has no answer"))
    );
    let exchanges = egress.close().await.0;
    assert_eq!((&exchanges[0], exchanges.len()), (exchange, 2));
}

#[tokio::test]
async fn a_request_without_a_value_of_an_answer_never_leaves() {
    let braces = "/Users/a%401/{answer.note.key}";
    let null = Rendered {
        body: Some(json!({"of": null})),
        awaited: BTreeMap::from([("/of".to_owned(), "note.key".to_owned())]),
        ..support::patch("/Users/42")
    };
    for request in [support::get(braces), support::patch(braces), null] {
        let server = Server::start(vec![Reply::Close]).await;
        let kept = Arc::default();
        let keep = support::intend(&kept, None);
        let upstream = support::upstream(server.port);
        let mut egress = support::egress(&upstream, vec![request.clone()], Some(keep));
        let answer = egress.send(&ask(&request)).await;
        let is_refused =
            matches!(&answer, Err(Error::Denied(why)) if why.contains("needs `answer.note.key`"));
        assert!(is_refused, "{answer:?}");
        assert!(egress.close().await.0.is_empty());
        assert_eq!((server.requests().len(), kept.lock().unwrap().len()), (0, 0));
    }
}

#[tokio::test]
async fn a_record_answers_its_own_requests_in_their_order() {
    let server = Server::start(vec![support::ok(&json!({})), support::ok(&json!({}))]).await;
    let (first, second) = (support::get("/a"), support::get("/b"));
    let both = || vec![first.clone(), second.clone()];
    let mut egress = support::egress(&support::upstream(server.port), both(), None);
    for request in both() {
        egress.send(&ask(&request)).await.unwrap();
    }
    let mut replay = support::egress(&support::upstream(server.port), both(), None);
    replay.road = Transport::record(&Live::new(vec![]), egress.close().await.0);
    for request in [&second, &first] {
        let off = replay.send(&ask(request)).await;
        assert!(matches!(off, Err(Error::NotSent(_))), "nothing behind the first that is another");
    }
    let other = replay.send(&ask(&support::get("/c"))).await;
    assert!(matches!(other, Err(Error::Denied(_))), "the allowance is the same");
    assert_eq!(server.requests().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_read_leaves_as_rendered_and_its_answer_is_kept() {
    let server = Server::start(vec![support::ok(&json!({"id": "42", "n": 1}))]).await;
    let (answer, exchange) = observe(&support::upstream(server.port)).await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.exchange, answer.status, answer.body.as_str()),
        (0, 200, r#"{"id":"42","n":1}"#)
    );
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "etag"]);
    assert_eq!(exchange.fate, Fate::Answered { status: 200 });
    assert_eq!(exchange.response, Some(json!({"id": "42", "n": 1})));
    assert_eq!(exchange.problem, None);
    assert!(
        exchange.started_ms <= exchange.ended_ms
            && exchange.deadline_ms == exchange.started_ms + 5000
    );
    let sent = server.requests().remove(0);
    let expected = format!(
        "GET /v2/Users/42 HTTP/1.1\r\nhost: 127.0.0.1:{}\r\naccept: application/json\r\naccept-encoding: identity\r\n\
         connection: close\r\nuser-agent: deed/{}\r\nauthorization: Bearer {}\r\n\r\n",
        server.port,
        env!("CARGO_PKG_VERSION"),
        support::READ,
    );
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_write_leaves_after_its_intent_with_the_write_credential() {
    let reply = Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    let server = Server::start(vec![reply]).await;
    let (answer, exchange, intents) = perform(&support::upstream(server.port), None).await;
    assert_eq!(answer.unwrap().body, "null");
    assert_eq!(
        (exchange.fate, exchange.response, intents),
        (Fate::Answered { status: 204 }, None, 1)
    );
    let sent = server.requests().remove(0);
    assert!(sent.contains(support::WRITE) && !sent.contains(support::READ), "{sent}");
    assert!(sent.ends_with("content-length: 15\r\n\r\n{\"active\":true}"), "{sent}");
}

#[tokio::test]
async fn an_upstream_that_asks_to_be_left_alone_is_heard() {
    for (value, heard) in [
        ("7", Some(7)),
        ("-1", None),
        ("soon", None),
        ("+7", None),
        ("99999999999", Some(u32::MAX)),
    ] {
        let head =
            format!("HTTP/1.1 503 Busy\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(vec![Reply::Bytes(head.into_bytes())]).await;
        let (_, exchange, _) = perform(&support::upstream(server.port), None).await;
        assert_eq!(exchange.retry_after_s, heard, "{value}");
    }
}

#[tokio::test]
async fn of_equal_writes_what_is_carried_and_what_never_left_are_kept_too() {
    let server = Server::start(vec![support::ok(&json!({}))]).await;
    let upstream = support::upstream(server.port);
    let (_, done, _) = perform(&upstream, None).await;
    let request = support::patch("/Users/42");
    let steps: Arc<Mutex<Vec<WriteStep>>> = Arc::default();
    let kept = Arc::clone(&steps);
    let keep: Keep = Arc::new(move |step| {
        kept.lock().unwrap().push(step);
        Box::pin(async { Ok(()) })
    });
    let mut egress = support::egress(&upstream, vec![request.clone()], Some(keep));
    let Transport::Network(network) = &mut egress.road else { unreachable!() };
    let once = |until_ms, done| Once { request: request.clone(), key: None, until_ms, done };
    let carried = Exchange { carried_from: Some(1), ..done };
    // The upstream may forget the idempotency key before a repeated write could arrive.
    let until_ms = Clock::new().now_ms() + 4_000;
    network.once = Writes::new(vec![once(None, Some(carried)), once(Some(until_ms), None)]);
    assert_eq!(egress.send(&ask(&request)).await.unwrap().status, 200);
    let late = egress.send(&ask(&request)).await;
    assert!(matches!(late, Err(Error::NotSent(text)) if text.contains("may forget")));
    let ended: Vec<_> = egress.close().await.0;
    assert_eq!((ended[0].carried_from, ended[1].fate), (Some(1), Fate::NotSent));
    let told: Vec<_> = ended.into_iter().map(|one| WriteStep::Ended(Box::new(one))).collect();
    assert_eq!(*steps.lock().unwrap(), told, "each is durable, and nothing was intended");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn no_byte_of_a_write_leaves_without_a_durable_intent() {
    let server = Server::start(vec![Reply::Hang]).await;
    let (answer, exchange, intents) =
        perform(&support::upstream(server.port), Some("disk full")).await;
    assert!(matches!(answer, Err(Error::NotSent(text)) if text.contains("disk full")));
    assert_eq!((exchange.fate, intents), (Fate::NotSent, 1));
    let request = support::patch("/Users/42");
    let mut reading = support::egress(&support::upstream(server.port), vec![request.clone()], None);
    assert!(matches!(reading.send(&ask(&request)).await, Err(Error::NotSent(_))));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn what_never_left_is_not_sent() {
    // The port was just released, so the connection is refused.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (answer, exchange, intents) = perform(&support::upstream(port), None).await;
    assert!(matches!(answer, Err(Error::NotSent(_))));
    assert_eq!((exchange.fate, intents), (Fate::NotSent, 1));
    // The server closes the connection, so the TLS handshake fails before the request is sent.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut secure = support::upstream(listener.local_addr().unwrap().port());
    tokio::spawn(async move { drop(listener.accept().await) });
    secure.base.tls = true;
    secure.tls = Some(crate::upstream::tls_config(None).unwrap());
    let (answer, exchange, _) = perform(&secure, None).await;
    assert!(matches!(answer, Err(Error::NotSent(_))));
    assert_eq!(exchange.fate, Fate::NotSent);
}

#[tokio::test]
async fn what_left_without_a_whole_answer_may_have_landed() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        .to_vec();
    for reply in
        [Reply::Close, Reply::Bytes(cut), Reply::Hang, Reply::Bytes(b"nonsense\r\n\r\n".to_vec())]
    {
        let server = Server::start(vec![reply.clone()]).await;
        let mut upstream = support::upstream(server.port);
        upstream.timeout = Duration::from_millis(300);
        let (answer, exchange, _) = perform(&upstream, None).await;
        assert!(matches!(answer, Err(Error::NoAnswer(_))), "{reply:?}");
        assert_eq!(exchange.fate, Fate::NoAnswer, "{reply:?}");
        assert_eq!(server.requests().len(), 1, "one request, never again: {reply:?}");
    }
}

#[tokio::test]
async fn addresses_outside_the_allowed_classes_are_refused() {
    let server = Server::start(vec![Reply::Hang]).await;
    let mut upstream = support::upstream(server.port);
    upstream.addresses.clear();
    let (answer, exchange, intents) = perform(&upstream, None).await;
    assert!(
        matches!(answer, Err(Error::Denied(text)) if text.contains("addresses = [\"loopback\"]"))
    );
    assert_eq!((exchange.fate, intents), (Fate::NotSent, 0));
    // A name resolves to several addresses, and each of them is checked.
    upstream.base.host = "localhost".into();
    assert!(matches!(observe(&upstream).await.0, Err(Error::Denied(_))));
    upstream.base.host = "169.254.169.254".into();
    assert!(
        matches!(observe(&upstream).await.0, Err(Error::Denied(text)) if text.contains("never connects to"))
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_answer_beyond_the_cap_did_land_but_is_not_read() {
    let large = format!("\"{}\"", "x".repeat(limits::RESPONSE));
    let server =
        Server::start(vec![support::answer("201 Created", "application/json", &large)]).await;
    let (answer, exchange, _) = perform(&support::upstream(server.port), None).await;
    assert!(matches!(answer, Err(Error::TooLarge(1_048_576))));
    assert_eq!((exchange.fate, exchange.response), (Fate::Answered { status: 201 }, None));
    assert!(exchange.problem.is_some());
}

#[tokio::test]
async fn an_undecodable_answer_keeps_its_status() {
    let server =
        Server::start(vec![support::answer("502 Bad Gateway", "text/html", "<html>")]).await;
    let (answer, exchange, _) = perform(&support::upstream(server.port), None).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (502, "null"));
    assert_eq!((exchange.fate, exchange.response), (Fate::Answered { status: 502 }, None));
    assert!(exchange.problem.unwrap().contains("text/html"));
}

#[tokio::test]
async fn redirects_are_answers_and_are_not_followed() {
    let reply = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        .to_vec();
    let server = Server::start(vec![Reply::Bytes(reply), Reply::Hang]).await;
    let (answer, exchange) = observe(&support::upstream(server.port)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.headers.len(), server.requests().len()), (302, 0, 1));
    assert_eq!(exchange.fate, Fate::Answered { status: 302 });
}

#[tokio::test]
async fn echoed_secrets_reach_neither_guest_nor_record() {
    let server = Server::start(vec![support::ok(
        &json!({"id": "42", "you_sent": support::READ, "w": support::WRITE}),
    )])
    .await;
    let (answer, exchange) = observe(&support::upstream(server.port)).await;
    assert_eq!(exchange.redacted, ["/w", "/you_sent"]);
    let record = format!("{:?} {exchange:?}", answer.unwrap());
    assert!(!record.contains(support::READ) && !record.contains(support::WRITE), "{record}");
}

#[tokio::test]
async fn an_excerpt_of_an_echo_and_headers_with_one_are_not_shown() {
    let long = format!("text/{}{}", "x".repeat(65), support::READ);
    let key = format!("{}{}", "x".repeat(65), support::READ);
    let twice = format!("{{\"{key}\":1,\"{key}\":2}}");
    let tagged = format!("application/json\r\netag: \"{}\"", support::READ);
    for (kind, body) in [(long.as_str(), "{}"), ("application/json", &twice), (&tagged, "{}")] {
        let server = Server::start(vec![support::answer("200 OK", kind, body)]).await;
        let (answer, exchange) = observe(&support::upstream(server.port)).await;
        let told = format!("{:?} {exchange:?}", answer.unwrap());
        assert!(!told.contains("read-crede"), "{told}");
    }
}

#[tokio::test]
async fn a_long_header_is_neither_shown_nor_recorded() {
    for (length, shown) in [(limits::HEADER, 2), (limits::HEADER + 1, 1)] {
        let kind = format!("{:x<length$}", "application/json;a=");
        let server = Server::start(vec![support::answer("200 OK", &kind, "{}")]).await;
        let (answer, exchange) = observe(&support::upstream(server.port)).await;
        assert_eq!(answer.unwrap().headers.len(), shown, "{exchange:?}");
        assert_eq!(exchange.headers.len(), shown);
        assert_eq!(exchange.response, Some(json!({})), "it was understood all the same");
    }
}

#[tokio::test]
async fn a_body_is_bounded_in_values_and_null_is_nothing() {
    let many = format!("[{}0]", "0,".repeat(limits::VALUES));
    for (body, problem) in [(many.as_str(), Some("more than 20000 values")), ("null", None)] {
        let server = Server::start(vec![support::answer("200 OK", "application/json", body)]).await;
        let (answer, exchange) = observe(&support::upstream(server.port)).await;
        assert_eq!((answer.unwrap().body.as_str(), exchange.response), ("null", None));
        let said = exchange.problem.unwrap_or_default();
        assert!(said.contains(problem.unwrap_or_default()), "{said}");
        assert_eq!(said.is_empty(), problem.is_none());
    }
}

#[tokio::test]
async fn a_guest_that_is_gone_does_not_stop_its_write() {
    let late =
        Reply::Late(Duration::from_millis(200), support::text("200 OK", "application/json", "{}"));
    let server = Server::start(vec![late]).await;
    let request = support::patch("/Users/42");
    let kept: Arc<Mutex<Vec<Intent>>> = Arc::default();
    let intend = support::intend(&kept, None);
    let mut egress =
        support::egress(&support::upstream(server.port), vec![request.clone()], Some(intend));
    let cut = tokio::time::timeout(Duration::from_millis(50), egress.send(&ask(&request))).await;
    assert!(cut.is_err());
    let exchange = egress.close().await.0.remove(0);
    assert_eq!(exchange.fate, Fate::Answered { status: 200 });
    assert_eq!(
        kept.lock().unwrap().first().map(|intent| intent.deadline_ms),
        Some(exchange.deadline_ms)
    );
}

#[tokio::test]
async fn a_read_that_is_cut_off_says_so() {
    let server = Server::start(vec![Reply::Hang]).await;
    let request = support::get("/Users/42");
    let mut egress = support::egress(&support::upstream(server.port), vec![request.clone()], None);
    let cut = tokio::time::timeout(Duration::from_millis(100), egress.send(&ask(&request))).await;
    assert!(cut.is_err());
    let exchange = egress.close().await.0.remove(0);
    assert_eq!(exchange.fate, Fate::NoAnswer);
    assert!(
        exchange.problem.unwrap().contains("run ended") && exchange.ended_ms < exchange.deadline_ms
    );
}

#[tokio::test]
async fn a_form_leaves_as_rendered_and_xml_comes_back_as_json() {
    let reply = support::answer("200 OK", "text/xml", "<R><Users><member>x</member></Users></R>");
    let server = Server::start(vec![reply]).await;
    let request = Rendered {
        body: Some(json!({"Action": "ListUsers", "Prefix": "a&b=c d"})),
        codec: Codec {
            request: Outgoing::Form,
            response: Incoming::Xml,
            lists: vec!["Users/member".into()],
        },
        ..support::patch("/")
    };
    let upstream = support::upstream(server.port);
    let intend = support::intend(&Arc::default(), None);
    let mut egress = support::egress(&upstream, vec![request.clone()], Some(intend));
    let answer = egress.send(&ask(&request)).await.unwrap();
    assert_eq!(answer.body, r#"{"R":{"Users":{"member":["x"]}}}"#);
    let exchange = egress.close().await.0.remove(0);
    assert_eq!(exchange.response, Some(json!({"R": {"Users": {"member": ["x"]}}})));
    assert_eq!(exchange.request.body, request.body, "the record keeps the one JSON form");
    let sent = server.requests().remove(0);
    assert!(sent.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nAction=ListUsers&Prefix=a%26b%3Dc+d"), "{sent}");
}

#[tokio::test]
async fn of_an_answer_that_is_not_understood_nothing_unexposed_is_told() {
    let reply = || support::answer("200 OK", "application/json", "{\"id\": nobody-exposed-this}");
    let server = Server::start(vec![reply(), reply()]).await;
    let upstream = support::upstream(server.port);
    for (expose, told) in [(None, true), (Some(vec!["/id".to_owned()]), false)] {
        let request = Rendered { expose, ..support::get("/a") };
        let mut egress = support::egress(&upstream, vec![request.clone()], None);
        egress.send(&ask(&request)).await.unwrap();
        let exchange = egress.close().await.0.remove(0);
        let problem = exchange.problem.unwrap();
        assert_eq!(problem.contains("`expose` hides its content"), !told, "{problem}");
    }
}

/// A contract that uses a private parameter in a path and in a body.
const PRIVATE: &str = r#"
format = 1
action = { name = "idp.note", version = "1.0.0", title = "t", verb = "update", mode = "write", effect = "observable", resource = "idp", adapter = "scim" }
params = { required = ["note"], properties = { note = { type = "string", private = true } } }
state = { user = { properties = { id = { type = "string" } } } }
observe = { http = [{ upstream = "idp", request = "GET /Users" }] }
perform = { http = [{ upstream = "idp", request = "PATCH /Users/{note}", body = { note = "{note}" } }] }
verify = { after = ["has(post.user.id)"] }
"#;

#[tokio::test]
async fn the_value_leaves_and_ledger_intent_and_refusals_have_the_word() {
    const VALUE: &str = "a value/of its own";
    let contract = deed_record::contract::Contract::from_toml("note.toml", PRIVATE).unwrap();
    let proposal = json!({"contract": "idp.note", "params": {"note": VALUE}, "intent": "i"});
    let proposal = serde_json::from_value(proposal).unwrap();
    let id = deed_record::action::id::ActionId::new(1, [0; 10]);
    let sealed =
        deed_record::action::private::seal(&contract, proposal, &id, || Some([7; 32])).unwrap();
    let prepared = sealed.openings.requests(&contract, &sealed.proposal, &id).unwrap().perform;
    let server = Server::start(vec![support::ok(&json!({"echo": VALUE}))]).await;
    let kept = Arc::default();
    let upstream = support::upstream(server.port);
    let mut egress = support::egress(&upstream, vec![], Some(support::intend(&kept, None)));
    egress.rules = Rules::Closed(Allowance::new("idp.note", "perform", prepared.clone()));
    let asked = ask(prepared[0].live());
    assert!(egress.send(&ask(&prepared[0].public)).await.is_err(), "the word is no value");
    egress.send(&asked).await.unwrap();
    let refused = format!("{:?}", egress.send(&Request { body: None, ..asked }).await);
    assert!(refused.contains("private%3Ahmac") && !refused.contains("of%20its"), "{refused}");
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("PATCH /v2/Users/a%20value%2Fof%20its%20own "), "{sent}");
    assert!(sent.contains(VALUE), "{sent}");
    let exchange = egress.close().await.0.remove(0);
    assert_eq!(exchange.request, sealed.rendering.perform[0]);
    assert_eq!(kept.lock().unwrap()[0].request, sealed.rendering.perform[0]);
}
