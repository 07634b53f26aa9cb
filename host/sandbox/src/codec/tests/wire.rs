//! Uses a different parser to parse the requests that hyper writes, and checks that each parameter stays in its place.

use deed_record::contract::template::Rule;
use deed_record::contract::template::text::Origins;
use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncReadExt as _;

use super::*;

/// Returns all bytes that hyper sends for a request until the connection ends.
fn written(request: Request<Full<Bytes>>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let length = usize::try_from(request.body().size_hint().exact().unwrap()).unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = tokio::spawn(async move { sender.send_request(request).await.map(drop) });
        let mut bytes = Vec::new();
        while head_length(&bytes).is_none_or(|head| bytes.len() < head + length) {
            theirs.read_buf(&mut bytes).await.unwrap();
        }
        // After its peer has shut down, hyper ends the connection, so any bytes that hyper sends after the request are
        // read here too.
        tokio::io::AsyncWriteExt::shutdown(&mut theirs).await.unwrap();
        theirs.read_to_end(&mut bytes).await.unwrap();
        drop((answer.await, connection.await));
        bytes
    })
}

/// The request line and headers of a request as sent.
pub(super) fn head(request: &Rendered) -> String {
    let bytes = written(encode(request, &base(), None).unwrap());
    String::from_utf8_lossy(&bytes).split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn rule(form: bool) -> Rule {
    Rule {
        upstream: "idp".into(),
        request: "POST /Users/{p}/x?b={p}&c=1".into(),
        body: Some(json!({"fixed": "a=b", "p": "{p}"})),
        codec: Codec {
            request: if form { Outgoing::Form } else { Outgoing::Json },
            ..Codec::default()
        },
        ..Rule::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_hyper_writes_is_one_request_of_the_template(
        value in prop_oneof![any::<String>(), "[ -~]{0,20}", "(\\.\\.|%2f|/|\\?|&|=|#|;| |\r\n|\u{0}|é){1,6}"],
        form in any::<bool>(),
    ) {
        let Ok(rendered) = rule(form).render(&Origins { params: &json!({"p": value}), action: None, numbers: &[] }) else {
            let refused = value.is_empty() || value == "." || value == ".." || value.chars().any(char::is_control);
            prop_assert!(refused, "{:?}", value);
            return Ok(());
        };
        let secret = credential(Slot::Header { name: "x-key".into() });
        let bytes = written(encode(&rendered, &base(), Some(&secret)).unwrap());
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = parsed.parse(&bytes).unwrap().unwrap();
        prop_assert_eq!((parsed.method, parsed.version), (Some("POST"), Some(1)));
        let pieces: Vec<&str> = parsed.path.unwrap().split(['/', '?', '&']).collect();
        let ["", "scim", "v2", "Users", segment, "x", query, "c=1"] = pieces[..] else {
            return Err(TestCaseError::fail(format!("{pieces:?}")));
        };
        // The form decoder also decodes percent-encoding, and it shares no code with the encoder under test.
        for piece in [segment, query.strip_prefix("b=").unwrap()] {
            let read = deed_record::exchange::codec::form::decode(format!("v={piece}").as_bytes());
            prop_assert_eq!(read, Ok(json!({"v": value})));
        }
        let names: Vec<&str> = parsed.headers.iter().map(|header| header.name).collect();
        prop_assert_eq!(names, ["host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "x-key", "content-length"]);
        let length = parsed.headers.iter().find(|header| header.name == "content-length").unwrap().value;
        let body = &bytes[head..];
        prop_assert_eq!(std::str::from_utf8(length).unwrap(), body.len().to_string());
        let wanted = json!({"fixed": "a=b", "p": value});
        let sent = if form {
            deed_record::exchange::codec::form::decode(body).unwrap()
        } else {
            serde_json::from_slice(body).unwrap()
        };
        prop_assert_eq!(sent, wanted);
    }
}
