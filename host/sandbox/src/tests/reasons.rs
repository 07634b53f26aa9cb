//! Tests the reported reason why a run did not do what was asked: the guest fails or traps, or an answer does not fit
//! the contract.

use super::*;

/// Guest code that fails with the text `user`; `case` selects the kind of error: `unavailable` (1), `unknown` (2) or
/// `invalid` (3).
fn fails_as(case: u8) -> String {
    format!("(i32.store8 (i32.const 516) (i32.const {case})) (i32.const 512)")
}

/// Guest code that logs `panicked at user` and then `user`, both at level `error`.
const SAYS_WHY: &str = "(call $write (i32.const 3) (i32.const 128) (i32.const 16))
    (call $write (i32.const 3) (i32.const 64) (i32.const 4))";

#[tokio::test]
async fn a_trap_keeps_the_panic_that_the_guest_told() {
    let said = "; its last line of level error: panicked at user";
    let trap = format!("{SAYS_WHY} (call $log) (unreachable)");
    let bench = Bench::new(&trap, &trap, vec![]).await;
    let run = bench.observe().await;
    let problem = run.problem.unwrap();
    assert!(problem.contains("unreachable") && problem.ends_with(said), "{problem}");
    let run = bench.perform(bench.scope(vec![support::patch("/Users/42")])).await;
    let Claim::Trapped(text) = run.claim else { unreachable!("{:?}", run.claim) };
    assert!(text.contains("unreachable") && text.ends_with(said), "{text}");
    // The panic is kept even when the guest has used up its log.
    let chatty = format!(
        "(local $n i32) (loop (call $log) (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const 200)))) {trap}"
    );
    let bench = Bench::new(&chatty, OK, vec![]).await;
    let run = bench.observe().await;
    assert_eq!(run.log.len(), limits::LOG_LINES + 1);
    assert!(run.problem.unwrap().ends_with(said));
}

#[tokio::test]
async fn a_trap_without_words_is_told_as_it_is() {
    // A log line of level `error` is only for the operator, unless it reports a panic of the guest.
    let user = "(call $write (i32.const 3) (i32.const 64) (i32.const 4))";
    for said in ["(call $log)", user] {
        let bench = Bench::new(&format!("{said} (unreachable)"), OK, vec![]).await;
        let run = bench.observe().await;
        let problem = run.problem.unwrap();
        assert!(problem.ends_with("unreachable` instruction executed"), "{problem}");
        assert_eq!(run.log.len(), 1);
    }
}

#[tokio::test]
async fn a_failed_look_is_told_as_one() {
    let down = support::answer("503 Service Unavailable", "application/json", "{}");
    for (case, reply) in [(1, Reply::Close), (2, Reply::Close), (2, down)] {
        let bench = Bench::new(&format!("(call $get) {}", fails_as(case)), OK, vec![reply]).await;
        let problem = bench.observe().await.problem.unwrap();
        assert_eq!(problem, "upstream `idp` could not be read: user");
    }
}

#[tokio::test]
async fn a_misfit_names_upstream_request_field_and_value() {
    let its = "the answer of upstream `idp` to `GET /Users/42`";
    let html = support::answer("200 OK", "text/html", "<html>");
    let zipped = support::answer("200 OK", "application/json\r\ncontent-encoding: gzip", "{}");
    let marked = support::answer("200 OK", "application/json", "\u{feff}{}");
    for (reply, why) in [
        (
            support::ok(&json!({"id": 7})),
            "does not fit `[state.user]` of the contract: at `/id`: `7` is not",
        ),
        (support::ok(&json!([])), "does not fit `[state.user]` of the contract: `[]` is not"),
        (html, "cannot be used: the answer is not application/json"),
        (zipped, "cannot be used: the answer is compressed"),
        (marked, "cannot be used: the answer begins with a byte order mark"),
        (
            support::answer("200 OK", "application/json", ""),
            "cannot be used: the answer has no body",
        ),
        (support::answer("404 Not Found", "application/json", "{}"), "has the status 404"),
        (support::ok(&json!({"id": support::READ})), "held a secret at `/id`"),
    ] {
        let look = format!("(call $get) (call $read) {}", fails_as(3));
        let bench = Bench::new(&look, OK, vec![reply]).await;
        let problem = bench.observe().await.problem.unwrap();
        assert!(problem.starts_with(&format!("{its} {why}")), "{problem}");
        assert!(problem.ends_with("; the adapter reports: user"), "{problem}");
    }
}

#[tokio::test]
async fn a_guest_that_reads_before_it_asks_is_at_fault_itself() {
    let bench = Bench::new(&format!("(call $read) {}", fails_as(3)), OK, vec![]).await;
    let problem = bench.observe().await.problem.unwrap();
    assert_eq!(problem, "the adapter cannot serve this action: user");
}
