use super::*;

/// A request of a case, with this body as its answer.
fn line(method: &str, target: &str, body: &str, writes: bool, answer: &str) -> Line {
    let asked = Asked {
        upstream: "desk".to_owned(),
        method: method.to_owned(),
        target: target.to_owned(),
        body: body.as_bytes().to_vec(),
    };
    Line { asked, writes, reply: Some(Reply::plain(200, answer)) }
}

fn lines() -> Lines {
    let read = |answer| line("GET", "/t/7", "", false, answer);
    let id = example();
    Lines {
        before: vec![read("open"), read("open too")],
        reads: vec![],
        writes: vec![line("PATCH", "/t/7", id.as_str(), true, "{action.id}")],
        after: vec![read("closed")],
    }
}

/// Sends a request, and returns the body of the answer; `None` if there is no answer in time.
fn ask(
    play: &mut Play,
    method: &str,
    target: &str,
    body: &str,
    key: Option<&str>,
) -> Option<String> {
    let headers = key.map(|key| ("idempotency-key".to_owned(), key.to_owned()));
    let request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.into_iter().collect(),
        body: body.as_bytes().to_vec(),
    };
    match play.take("desk", &request) {
        Act::Send(reply) => Some(reply.body),
        Act::Drop | Act::Late(_) => None,
    }
}

const ID: &str = "act_0123456789abcdefghijklmnop";

#[test]
fn a_write_changes_the_state_and_its_answer_has_the_id_of_the_action() {
    let mut play = Play::new(lines(), None);
    let get = |play: &mut Play| ask(play, "GET", "/t/7", "", None).unwrap();
    assert_eq!([get(&mut play), get(&mut play), get(&mut play)], ["open", "open too", "open"]);
    assert!(!play.is_after());
    assert_eq!(ask(&mut play, "PATCH", "/t/7", ID, None).unwrap(), ID);
    assert_eq!([get(&mut play), get(&mut play)], ["closed", "closed"]);
    assert!(play.is_after() && play.unexpected.is_empty(), "{:?}", play.unexpected);
}

#[test]
fn a_request_that_the_case_does_not_have_is_named_with_the_nearest_one() {
    let mut play = Play::new(lines(), None);
    ask(&mut play, "PATCH", "/t/7", "another body", None);
    let [unexpected] = play.unexpected.as_slice() else { panic!("{:?}", play.unexpected) };
    assert!(unexpected.starts_with("`desk PATCH /t/7 another body` is not in"), "{unexpected}");
    assert!(unexpected.contains("is `desk PATCH /t/7 act_"), "{unexpected}");
    assert_eq!(play.not_applied().count(), 1);
}

#[test]
fn a_fault_is_in_one_exchange_and_says_whether_the_write_is_applied() {
    for (fault, is_applied, is_answered) in [
        (Fault::LostBefore, false, false),
        (Fault::LostAfter, true, false),
        (Fault::Unavailable, false, true),
        (Fault::Slow, true, false),
    ] {
        let mut play = Play::new(lines(), Some((1, fault)));
        assert_eq!(ask(&mut play, "GET", "/t/7", "", None).unwrap(), "open");
        let answer = ask(&mut play, "PATCH", "/t/7", ID, None);
        assert_eq!((play.is_after(), answer.is_some()), (is_applied, is_answered), "{fault:?}");
        assert!(ask(&mut play, "GET", "/t/7", "", None).is_some(), "{fault:?}");
    }
}

#[test]
fn a_write_that_is_applied_twice_is_noticed_unless_it_has_the_same_key() {
    for (keys, effect, is_wrong) in [
        ([None, None], Effect::Observable, true),
        ([None, None], Effect::Idempotent, false),
        ([Some("a"), Some("a")], Effect::Keyed, false),
        ([Some("a"), Some("b")], Effect::Keyed, true),
        ([Some("a"), None], Effect::Opaque, true),
    ] {
        let mut play = Play::new(lines(), None);
        for key in keys {
            ask(&mut play, "PATCH", "/t/7", ID, key);
        }
        assert_eq!(play.applied_again(effect).is_some(), is_wrong, "{keys:?} {effect:?}");
    }
}
