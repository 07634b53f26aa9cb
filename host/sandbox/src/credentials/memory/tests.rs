use super::*;

fn secret(text: &str) -> Arc<Secret> {
    Arc::new(Secret::new("idp", text.as_bytes()).unwrap())
}

fn numbered(n: usize) -> Arc<Secret> {
    secret(&format!("token-number-{n:08}"))
}

fn finds(memory: &Memory, text: &str) -> bool {
    memory.forms().finds(text)
}

fn learn(memory: &Memory, value: &Arc<Secret>, valid: Option<Duration>, now: Instant) {
    memory.learn_at(std::iter::once(value), valid, now);
}

#[test]
fn a_value_stays_known_for_a_day_after_its_last_use() {
    let (memory, start) = (Memory::default(), Instant::now());
    let (one, other) = (secret("first-secret/0123"), secret("other-secret/4567"));
    learn(&memory, &one, None, start);
    let later = start + 3 * REMEMBERED;
    // The configuration still has the value, so its age does not matter.
    learn(&memory, &other, None, later);
    assert!(finds(&memory, "you sent first-secret%2F0123"));
    drop(one);
    learn(&memory, &secret("third-secret/8901"), None, later + REMEMBERED);
    assert!(finds(&memory, "first-secret/0123"), "the day is not over");
    let over = later + REMEMBERED + 2 * NOTED;
    learn(&memory, &secret("fourth-secret/234"), None, over);
    assert!(!finds(&memory, "first-secret/0123"));
    assert!(finds(&memory, "other-secret/4567") && finds(&memory, "third-secret/8901"));
    assert!(!format!("{memory:?}").contains("secret"));
}

#[test]
fn a_value_that_two_configurations_have_stays_while_one_of_them_is_in_force() {
    let (memory, start) = (Memory::default(), Instant::now());
    let (in_force, refused) = (secret("shared-secret-01"), secret("shared-secret-01"));
    learn(&memory, &in_force, None, start);
    learn(&memory, &refused, None, start);
    drop(refused);
    learn(&memory, &secret("another-secret-1"), None, start + 2 * REMEMBERED);
    assert!(finds(&memory, "shared-secret-01"));
    assert_eq!(memory.known().entries.len(), 2);
}

#[test]
fn a_full_memory_forgets_what_has_expired_and_nothing_else() {
    let (memory, start) = (Memory::default(), Instant::now());
    for n in 0..VALUES {
        assert!(memory.has_room_at(start), "{n}");
        let valid = if n < 10 { Duration::from_mins(1) } else { Duration::from_hours(10) };
        learn(&memory, &numbered(n), Some(valid), start);
    }
    assert!(!memory.has_room_at(start + Duration::from_mins(2)), "clocks may differ");
    assert!(finds(&memory, "token-number-00000000"));
    assert!(memory.has_room_at(start + Duration::from_mins(10)));
    assert!(!finds(&memory, "token-number-00000009"));
    for n in 10..VALUES {
        assert!(finds(&memory, &format!("sent token-number-{n:08}.")), "{n}");
    }
}

#[test]
fn long_values_fill_the_memory_before_it_has_many_of_them() {
    let memory = Memory::default();
    let mut held = Vec::new();
    while memory.has_room() {
        let end = held.len();
        held.push(secret(&format!("{}-{end:016}", "x".repeat(16_000))));
        memory.learn(held.last().into_iter(), Some(Duration::ZERO));
    }
    assert_eq!(held.len(), BYTES.div_ceil(16_017));
}

#[test]
fn a_value_that_is_learned_again_is_kept_once() {
    let (memory, now) = (Memory::default(), Instant::now());
    for _ in 0..3 {
        learn(&memory, &secret("secret-of-the-idp"), None, now);
    }
    let forms = memory.forms().len();
    learn(&memory, &secret("secret-of-the-idp"), Some(Duration::from_mins(1)), now);
    assert_eq!((memory.known().entries.len(), memory.forms().len()), (1, forms));
}

#[test]
fn a_full_memory_forgets_unused_values_of_unknown_lifetime_after_an_hour() {
    let (memory, start) = (Memory::default(), Instant::now());
    let held = secret("secret-of-the-idp");
    learn(&memory, &held, None, start);
    for n in 1..VALUES {
        learn(&memory, &numbered(n), None, start + Duration::from_secs(1));
    }
    let used = start + UNUSED;
    learn(&memory, &numbered(7), None, used);
    assert!(!memory.has_room_at(used));
    assert!(finds(&memory, "token-number-00000008"));
    assert!(memory.has_room_at(used + Duration::from_mins(2)));
    for (text, is_known) in [
        ("secret-of-the-idp", true),
        ("token-number-00000007", true),
        ("token-number-00000008", false),
    ] {
        assert_eq!(finds(&memory, text), is_known, "{text}");
    }
}
