//! Tests of attempts along a plan: the planned writes leave in their order, and nothing else does.

use super::open::{HONEST, ID, attempt, bench, created, kept, planned, rehearse, unsent};
use super::*;

fn line(request: &str) -> &str {
    request.lines().next().unwrap_or_default()
}

/// The position of a write whose result the journal gets, and the attempt that it is carried over from.
fn of_ended(step: &WriteStep) -> Option<(u32, Option<u32>)> {
    match step {
        WriteStep::Ended(one) => Some((one.ordinal, one.carried_from)),
        WriteStep::Intended(_) | WriteStep::Sending => None,
    }
}

#[tokio::test]
async fn an_attempt_sends_the_plan_with_the_values_of_the_answers() {
    // The body of the second write contains the number of the response to the first one, so the plan is followed only
    // if the guest gets the same numbers in both runs.
    let code = "(call $get) (call $create) (call $number) (call $link) (i32.const 256)";
    let bench = bench(code, vec![user(), created(), support::ok(&json!({}))]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    let writes = &rehearsal.plan.as_ref().unwrap().writes;
    assert_eq!(writes[1].request.body, Some(json!({"text": "10000000"})));
    let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
    let run = attempt(&bench, scope, kept(&bench)).await;
    assert_eq!((run.claim, run.refused, run.problem), (Claim::Done, vec![], None));
    let requests = bench.server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| line(request)).collect();
    let link = format!("PUT /v2/notes/{ID} HTTP/1.1");
    assert_eq!(lines, ["GET /v2/Users/42 HTTP/1.1", "POST /v2/notes HTTP/1.1", link.as_str()]);
    assert!(requests[0].contains(support::READ), "the read is not sent again in the attempt");
    assert!(requests[1..].iter().all(|request| request.contains(support::WRITE)));
    let sent: Vec<_> = run.exchanges.iter().map(|one| (one.ordinal, one.request.writes)).collect();
    assert_eq!(sent, [(0, true), (1, true)]);
    let intents = bench.intents.lock().unwrap();
    let intended: Vec<_> = intents.iter().map(|intent| intent.request.path.clone()).collect();
    assert_eq!(intended, ["/notes".to_owned(), format!("/notes/{ID}")]);
}

#[tokio::test]
async fn a_read_with_a_value_of_an_answer_is_sent_in_the_attempt_only() {
    const TAG: &str = "fedcba9876543210";
    // The plan contains the number of the response to this read, so the numbers must be the same in both runs.
    let code =
        "(call $create) (call $look) (call $number) (call $link) (call $tag) (i32.const 256)";
    let seen = support::ok(&json!({"tag": "0000000000000000"}));
    let linked = support::ok(&json!({"tag": TAG}));
    let bench = bench(code, vec![created(), seen, linked, support::ok(&json!({}))]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    assert_eq!((&rehearsal.problem, rehearsal.exchanges.len()), (&None, 0));
    let writes = &rehearsal.plan.as_ref().unwrap().writes;
    let paths: Vec<&str> = writes.iter().map(|write| write.request.path.as_str()).collect();
    assert_eq!(paths, ["/notes", "/notes/{answer.create.id}", "/tags/{answer.link.tag}"]);
    assert!(bench.server.requests().is_empty(), "the host itself answered the rehearsal");
    let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
    let run = attempt(&bench, scope, kept(&bench)).await;
    assert_eq!((run.claim, run.refused), (Claim::Done, vec![]));
    let requests = bench.server.requests();
    let lines: Vec<String> = requests.iter().map(|request| line(request).to_owned()).collect();
    let wanted = [
        "POST /v2/notes HTTP/1.1".to_owned(),
        format!("GET /v2/notes/{ID} HTTP/1.1"),
        format!("PUT /v2/notes/{ID} HTTP/1.1"),
        format!("PUT /v2/tags/{TAG} HTTP/1.1"),
    ];
    assert_eq!(lines, wanted);
    assert!(requests.iter().all(|request| request.contains(support::WRITE)));
}

#[tokio::test]
async fn the_first_difference_ends_the_plan() {
    // The host's own answer in the rehearsal has the status 200. The upstream answers 201, and the guest then acts
    // otherwise. After that, not even the second write of the plan leaves.
    for otherwise in ["(call $compute)", "(call $delete)", "(call $create)", "(call $put)"] {
        let code = format!(
            "(call $create) (if (i32.eq (call $status) (i32.const 201)) (then {otherwise}))
             (call $link) (i32.const 256)"
        );
        let bench = bench(&code, vec![created(), Reply::Hang, Reply::Hang]).await;
        let rehearsal = rehearse(&bench).await.rehearsal;
        assert_eq!(rehearsal.problem, None, "{otherwise}");
        let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
        let run = attempt(&bench, scope, kept(&bench)).await;
        let first = run.refused.first().unwrap();
        let names_place = first.contains("write 2") && first.contains("`/text`");
        assert!(names_place || !otherwise.contains("$compute"), "{first}");
        assert_eq!((run.exchanges.len(), bench.intents.lock().unwrap().len()), (1, 1));
        let requests = bench.server.requests();
        assert_eq!(requests.len(), 1, "{otherwise}: {requests:?}");
        assert!(requests[0].starts_with("POST /v2/notes "), "{requests:?}");
    }
}

#[tokio::test]
async fn a_write_is_not_sent_without_the_value_of_the_answer_before_it() {
    let answer =
        |status, body: &Value| support::answer(status, "application/json", &body.to_string());
    for reply in [
        answer("201 Created", &json!({})),
        answer("201 Created", &json!({"id": "../Users/1"})),
        answer("201 Created", &json!({"id": support::READ})),
        answer("500 Internal Server Error", &json!({"id": ID})),
        Reply::Close,
    ] {
        let bench = bench(HONEST, vec![user(), reply.clone(), Reply::Hang]).await;
        let rehearsal = rehearse(&bench).await.rehearsal;
        let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
        let run = attempt(&bench, scope, kept(&bench)).await;
        assert_eq!((run.refused.len(), run.exchanges.len()), (1, 1), "{reply:?}");
        assert_eq!(bench.server.requests().len(), 2, "{reply:?}");
    }
}

#[tokio::test]
async fn an_answer_that_the_journal_does_not_accept_is_not_used() {
    let bench = bench(HONEST, vec![user(), created(), Reply::Hang]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
    let keep: Keep = Arc::new(|step| {
        let is_result = matches!(step, WriteStep::Ended(_));
        Box::pin(async move { if is_result { Err("disk full".to_owned()) } else { Ok(()) } })
    });
    let run = attempt(&bench, scope, keep).await;
    assert_eq!((run.refused.len(), run.exchanges.len()), (1, 1), "{:?}", run.refused);
    assert_eq!(bench.server.requests().len(), 2);
}

#[tokio::test]
async fn a_later_attempt_has_the_plan_the_reads_and_the_answers_of_the_earlier_one() {
    // The guest traps if it can tell the attempts apart.
    let is_first = "(if (i32.ne (local.get 4) (i32.const 1)) (then (unreachable)))";
    let down = support::answer("503 Service Unavailable", "application/json", "{}");
    let replies = vec![user(), created(), down, support::ok(&json!({}))];
    let bench = bench(&format!("{is_first} {HONEST}"), replies).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    let scope = planned(&bench, &rehearsal, unsent(&rehearsal));
    let first = attempt(&bench, scope, kept(&bench)).await;
    let mut once = unsent(&rehearsal);
    once[0].done = Some(Exchange { carried_from: Some(1), ..first.exchanges[0].clone() });
    let scope = Scope { attempt: 2, ..planned(&bench, &rehearsal, once) };
    let steps: Arc<std::sync::Mutex<Vec<WriteStep>>> = Arc::default();
    let told = Arc::clone(&steps);
    let keep: Keep = Arc::new(move |step| {
        told.lock().unwrap().push(step);
        Box::pin(async { Ok(()) })
    });
    let second = attempt(&bench, scope, keep).await;
    assert_eq!((second.claim, second.refused), (Claim::Done, vec![]));
    let carried: Vec<_> = second.exchanges.iter().map(|one| one.carried_from).collect();
    assert_eq!(carried, [Some(1), None]);
    let ended = steps.lock().unwrap().iter().filter_map(of_ended).collect::<Vec<_>>();
    assert_eq!(ended, [(0, Some(1)), (1, None)], "the journal has each write of the plan");
    let requests = bench.server.requests();
    let put = format!("PUT /v2/notes/{ID} HTTP/1.1");
    let lines: Vec<&str> = requests.iter().map(|request| line(request)).collect();
    assert_eq!(lines[1..], ["POST /v2/notes HTTP/1.1", put.as_str(), put.as_str()]);
}

#[tokio::test]
async fn a_replay_of_an_attempt_follows_the_plan() {
    let bench = bench(HONEST, vec![user(), created(), support::ok(&json!({}))]).await;
    let rehearsal = rehearse(&bench).await.rehearsal;
    let scope = || planned(&bench, &rehearsal, unsent(&rehearsal));
    let run = attempt(&bench, scope(), kept(&bench)).await;
    let replayed = crate::grant::replay(scope(), run.exchanges.clone());
    let again = bench.sandbox.replay(&bench.adapter, replayed).await;
    assert_eq!((again.claim, again.refused), (run.claim, run.refused));
    assert_eq!(again.exchanges, run.exchanges);
    assert_eq!(bench.server.requests().len(), 3, "the replay sent nothing");
}
