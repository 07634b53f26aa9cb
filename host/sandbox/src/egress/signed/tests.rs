use deed_record::action::Slot;

use super::*;
use crate::bindings::deed::adapter::http;
use crate::tests::support::{self, Server};
use crate::upstream::Credential;

#[test]
fn the_signature_of_a_request_is_redacted() {
    let (key_id, region, service) = ("AKIDEXAMPLE".into(), "us-east-1".into(), "iam".into());
    let value = Arc::new(Secret::new("idp", support::READ.as_bytes()).unwrap());
    let slot = Slot::Sigv4 { key_id, region, service };
    let proof = Proof { value, slot, headers: vec![], minted: None };
    let request = Request::get("/?Action=GetUser").header("host", "iam.example.com");
    let mut request = request.body(Full::new(Bytes::new())).unwrap();
    let redactor = Redactor::default();
    super::sign(&mut request, Some(&proof), 0, &redactor).unwrap();
    let header = request.headers()[AUTHORIZATION].to_str().unwrap();
    let (start, signature) = header.split_once("Signature=").unwrap();
    assert_eq!(signature.len(), 64);
    assert!(redactor.finds(&format!("you sent {signature}")) && !redactor.finds(start));
}

#[tokio::test]
async fn a_signed_request_leaves_without_the_secret_and_its_refusal_is_explained() {
    let body = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>";
    let server = Server::start(vec![support::answer("403 Forbidden", "text/xml", body)]).await;
    let (key_id, region, service) = ("AKIDEXAMPLE".into(), "us-east-1".into(), "iam".into());
    let slot = Slot::Sigv4 { key_id, region, service };
    let mut upstream = support::upstream(server.port);
    upstream.read = upstream.read.map(|credential| Credential { slot, ..credential });
    let rendered = support::get("/Users/42");
    let mut egress = support::egress(&upstream, vec![rendered.clone()], None);
    let (headers, body) = (Vec::new(), None);
    let (name, method, path) = (rendered.upstream, rendered.method, rendered.path);
    let answer = egress.send(&http::Request { upstream: name, method, path, headers, body }).await;
    assert_eq!(answer.unwrap().status, 403);
    let exchange = egress.close().await.0.remove(0);
    let why = exchange.refused_credential().unwrap();
    assert!(why.contains("secret `idp-read` belongs to access key `AKIDEXAMPLE`"), "{why}");
    let sent = &server.requests()[0];
    assert!(sent.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{sent}");
    assert!(sent.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"), "{sent}");
    assert!(!sent.contains(support::READ), "{sent}");
}
