//! Tests of rehearsals: no write leaves, and a plan exists only if an attempt can follow it.

use super::open::{HONEST, bench, contract, draft, rehearse, scope};
use super::*;
use crate::grant::{replay, replay_rehearsal};

/// Guest code that fails with the text `user`, as `unavailable`.
const UNAVAILABLE: &str = "(i32.store8 (i32.const 516) (i32.const 1)) (i32.const 512)";

#[tokio::test]
async fn a_rehearsal_reads_with_the_read_credential_and_records_the_writes() {
    let bench = bench(HONEST, vec![user(), Reply::Hang, Reply::Hang]).await;
    let Rehearsed { rehearsal, hindrance } = rehearse(&bench).await;
    assert_eq!((&rehearsal.problem, &hindrance), (&None, &None));
    assert_eq!((rehearsal.claim, rehearsal.exchanges.len()), (Claim::Done, 1));
    assert_eq!(rehearsal.seed, Digest::of(b"seed"));
    let writes = rehearsal.plan.unwrap().writes;
    let lines: Vec<_> = writes
        .iter()
        .map(|write| (write.rule, write.request.path.as_str(), write.request.body.clone()))
        .collect();
    let link = "/notes/{answer.create.id}";
    let (hello, zeros) = (json!({"text": "hello"}), json!({"text": "00000000"}));
    assert_eq!(lines, [(1, "/notes", Some(hello)), (2, link, Some(zeros))]);
    let requests = bench.server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("GET /v2/Users/42 "), "{requests:?}");
    assert!(requests[0].contains(support::READ) && !requests[0].contains(support::WRITE));
}

#[tokio::test]
async fn whatever_a_guest_tries_no_write_leaves_in_a_rehearsal() {
    let calls =
        ["$delete", "$put", "$elsewhere", "$query", "$admin", "$fraction", "$bare", "$create"];
    for call in calls {
        let code = format!("(call $create) (call {call}) (call $link) (i32.const 256)");
        let bench = bench(&code, vec![Reply::Hang, Reply::Hang, Reply::Hang]).await;
        let Rehearsed { rehearsal, hindrance } = rehearse(&bench).await;
        assert_eq!((rehearsal.plan, hindrance), (None, None), "{call}");
        assert_eq!((rehearsal.claim, rehearsal.exchanges.len()), (Claim::Done, 0), "{call}");
        let problem = rehearsal.problem.unwrap();
        assert!(problem.contains("refused a request of the rehearsal: "), "{call}: {problem}");
        assert!(!rehearsal.refused.is_empty(), "{call}: {problem}");
        assert!(bench.server.requests().is_empty(), "{call}");
    }
}

#[tokio::test]
async fn the_problem_of_a_rehearsal_does_not_quote_its_requests() {
    for (call, quoted) in [("$elsewhere", "/Users/1"), ("$admin", "admin"), ("$query", "?x=1")] {
        let bench = bench(&format!("(call {call}) (i32.const 256)"), vec![]).await;
        let rehearsal = rehearse(&bench).await.rehearsal;
        let problem = rehearsal.problem.unwrap();
        let shown = problem.split("; it may send").next().unwrap();
        assert!(!shown.contains(quoted), "{call}: {problem}");
        assert!(rehearsal.refused[0].contains(quoted), "{call}: {:?}", rehearsal.refused);
    }
}

#[tokio::test]
async fn a_guest_that_computes_on_an_answer_has_no_plan() {
    let code = "(call $create) (call $compute) (call $link) (i32.const 256)";
    let bench = bench(code, vec![Reply::Hang]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    assert_eq!((rehearsal.plan, rehearsal.claim), (None, Claim::Done));
    let problem = rehearsal.problem.unwrap();
    assert!(problem.contains("computes on a value") && problem.contains("write 2"), "{problem}");
    assert!(bench.server.requests().is_empty());
}

#[tokio::test]
async fn a_guest_that_does_not_end_well_has_no_plan() {
    let writes = "(call $create) (call $link)";
    for (end, why) in [
        ("(i32.const 512)", "the adapter reports that the upstream refused; `evidence"),
        ("(unreachable)", "the adapter was stopped"),
        ("(loop (br 0)) (unreachable)", "the adapter did not end within 100 ms"),
    ] {
        let bench = bench(&format!("{writes} {end}"), vec![]).await;
        let scope = Scope { timeout: Duration::from_millis(100), ..scope(&bench) };
        let grant = grant::rehearse(&allow(), scope, draft(&contract(""))).unwrap();
        let turn = bench.turn().await;
        let Rehearsed { rehearsal, hindrance } =
            bench.sandbox.rehearse(&bench.adapter, grant, &turn).await;
        assert_eq!((rehearsal.plan, hindrance), (None, None), "{end}");
        let problem = rehearsal.problem.unwrap();
        assert!(problem.starts_with(why), "{problem}");
    }
    // The second write is not optional.
    let bench = bench("(call $create) (i32.const 256)", vec![]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    assert!(rehearsal.plan.is_none() && rehearsal.problem.is_some(), "{rehearsal:?}");
}

#[tokio::test]
async fn a_read_that_fails_for_now_hinders_a_rehearsal() {
    let answer = |status| support::answer(status, "application/json", "{}");
    for (reply, hinders) in [
        (answer("503 Service Unavailable"), true),
        (Reply::Close, true),
        (answer("404 Not Found"), false),
    ] {
        let bench = bench(&format!("(call $get) {UNAVAILABLE}"), vec![reply.clone()]).await;
        let Rehearsed { rehearsal, hindrance } = rehearse(&bench).await;
        let problem = rehearsal.problem.unwrap();
        // The text of the adapter, `user`, is only in the claim.
        let start =
            "upstream `idp` could not be read; the answer of upstream `idp` to `GET /Users/42` ";
        assert!(problem.starts_with(start) && !problem.contains(": user"), "{problem}");
        assert_eq!(rehearsal.claim, Claim::Unavailable("user".into()));
        assert_eq!((rehearsal.plan, hindrance.is_some()), (None, hinders), "{reply:?}");
    }
    // A failed read does not count if the guest sent it again, or if the guest did what the contract does not allow.
    let down = || answer("503 Service Unavailable");
    let bench = bench(&format!("(call $get) (call $delete) {UNAVAILABLE}"), vec![down()]).await;
    assert!(rehearse(&bench).await.hindrance.is_none());
}

#[tokio::test]
async fn a_replay_of_a_rehearsal_gives_the_same_plan() {
    let computes = "(call $get) (call $create) (call $compute) (call $link) (i32.const 256)";
    for code in [HONEST, computes] {
        let bench = bench(code, vec![user()]).await;
        let first = rehearse(&bench).await.rehearsal;
        let grant = || {
            let record = first.exchanges.clone();
            replay_rehearsal(scope(&bench), draft(&contract("")), record)
        };
        let again = bench.sandbox.replay_rehearsal(&bench.adapter, grant()).await;
        assert_eq!((&again.plan, &again.problem), (&first.plan, &first.problem));
        assert_eq!((&again.exchanges, again.seed), (&first.exchanges, first.seed));
        assert_eq!(bench.server.requests().len(), 1, "the replay sent nothing");
        // A grant for a rehearsal replays nothing else, and no other grant replays a rehearsal.
        let run = bench.sandbox.replay(&bench.adapter, grant()).await;
        assert!(run.problem.unwrap().contains("rehearsal") && run.exchanges.is_empty());
        let other = replay(scope(&bench), first.exchanges.clone());
        let other = bench.sandbox.replay_rehearsal(&bench.adapter, other).await;
        assert!(other.plan.is_none() && other.problem.is_some());
    }
}

#[tokio::test]
async fn a_rehearsal_is_for_one_adapter() {
    let bench = bench(HONEST, vec![Reply::Hang]).await;
    let scope = Scope { adapter: Digest::of(b"another"), ..scope(&bench) };
    let grant = grant::rehearse(&allow(), scope, draft(&contract(""))).unwrap();
    let turn = bench.turn().await;
    let rehearsal = bench.sandbox.rehearse(&bench.adapter, grant, &turn).await.rehearsal;
    assert!(rehearsal.problem.unwrap().starts_with("the grant is for adapter"));
    assert!(rehearsal.plan.is_none() && bench.server.requests().is_empty());
}
