use std::sync::{Arc, Mutex};

use deed_record::action::Slot;
use deed_record::exchange::{Exchange, Fate, WITHHELD};

use super::super::{Error, Request};
use super::*;
use crate::Keep;
use crate::tests::support::{self, Reply, Server};
use crate::upstream::{Credential, Upstream};

const WHY: &str = "the approval has expired";

/// Sends one PATCH for a journal that accepts every step but the last check.
async fn withheld(upstream: &Upstream) -> (Exchange, Vec<WriteStep>) {
    let request = support::patch("/Users/42");
    let steps: Arc<Mutex<Vec<WriteStep>>> = Arc::default();
    let kept = Arc::clone(&steps);
    let keep: Keep = Arc::new(move |step| {
        let is_last = step == WriteStep::Sending;
        kept.lock().unwrap().push(step);
        Box::pin(async move { if is_last { Err(format!("{WITHHELD}{WHY}")) } else { Ok(()) } })
    });
    let mut egress = support::egress(upstream, vec![request.clone()], Some(keep));
    let asked = Request {
        upstream: request.upstream,
        method: request.method,
        path: request.path,
        headers: Vec::new(),
        body: request.body.map(|body| body.to_string()),
    };
    let answer = egress.send(&asked).await;
    assert!(matches!(&answer, Err(Error::NotSent(text)) if text.contains(WHY)), "{answer:?}");
    let exchange = egress.close().await.0.remove(0);
    let steps = steps.lock().unwrap().clone();
    (exchange, steps)
}

#[tokio::test]
async fn a_write_that_is_withheld_after_the_connection_was_opened_is_recorded_as_not_sent() {
    let (key_id, region, service) = ("AKIDEXAMPLE".into(), "us-east-1".into(), "iam".into());
    for slot in [Slot::Bearer, Slot::Sigv4 { key_id, region, service }] {
        let server = Server::start(vec![Reply::Hang]).await;
        let mut upstream = support::upstream(server.port);
        upstream.write = upstream.write.map(|credential| Credential { slot, ..credential });
        let (exchange, steps) = withheld(&upstream).await;
        assert_eq!((exchange.fate, exchange.withheld()), (Fate::NotSent, Some(WHY)));
        let [WriteStep::Intended(_), WriteStep::Sending, WriteStep::Ended(ended)] = &steps[..]
        else {
            panic!("{steps:?}")
        };
        assert_eq!(**ended, exchange, "the intent has an end in the journal");
        assert!(server.requests().iter().all(String::is_empty), "a byte left");
    }
}
