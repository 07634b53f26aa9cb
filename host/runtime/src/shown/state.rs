//! The state before the action as an approver sees it.

use deed_record::contract::{Contract, check_pointer, may_change};
use deed_record::statement::approval::ApprovalRequest;
use deed_record::timeline::utc;
use deed_spec::text::safe;
use serde_json::Value;

use super::text::{compact, line};

/// The values that the action may change, as the host last read them. The values may have changed since then.
pub(super) fn state(request: &ApprovalRequest, contract: &Contract, now_ms: Option<i64>) -> String {
    let looked =
        request.looked_ms.map_or_else(|| "an earlier time".to_owned(), |at_ms| when(at_ms, now_ms));
    let mut text = format!("\nmay change; the host read these values at {looked}\n");
    let (states, named) = (contract.state_schemas(), contract.comparable(&request.pre));
    for pointer in &may_change::allowed(contract, &request.action.params) {
        // A list is shown as a list. A pointer to an element leads through the element's key, so it needs the form in
        // which states are compared.
        let pre = if check_pointer(&states, pointer) { &request.pre } else { named.as_ref() };
        line(&mut text, format_args!("  {}: {}", safe(pointer), value(pre, pointer)));
    }
    for name in &request.derived {
        line(
            &mut text,
            format_args!("  {}: computed by the adapter, not read by the host", safe(name)),
        );
    }
    text
}

/// The values that the approval depends on, if the contract names them.
pub(super) fn bound(request: &ApprovalRequest, contract: &Contract) -> String {
    let Some(pointers) = contract.depends_on() else { return String::new() };
    let plan = if contract.is_open() { ", and the plan stays the same" } else { "" };
    let mut text = format!(
        "\nthe approval depends on which states exist and on these values; it remains valid if other values of the \
         state change{plan}\n"
    );
    for pointer in pointers {
        line(&mut text, format_args!("  {}: {}", safe(pointer), value(&request.pre, pointer)));
    }
    text
}

/// The value at a pointer into the state, as text.
fn value(state: &Value, pointer: &str) -> String {
    match state.pointer(pointer) {
        // A whole state that is null does not exist, but null inside a state is an ordinary value.
        Some(Value::Null) if is_state(pointer) => "does not exist".to_owned(),
        Some(value) => compact(value),
        None => "nothing".to_owned(),
    }
}

/// Whether a pointer leads to a whole state, such as `/user`.
pub(super) fn is_state(pointer: &str) -> bool {
    pointer.matches('/').count() == 1
}

/// Formats a time of the host's clock and how long ago it was. The age is left out if this machine's clock is behind
/// that time, or the time of the reader's machine is not known.
fn when(at_ms: i64, now_ms: Option<i64>) -> String {
    let at = utc(at_ms);
    let Some(now_ms) = now_ms else { return at };
    let seconds = now_ms.saturating_sub(at_ms) / 1000;
    let age = match seconds {
        ..0 => return at,
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("{at} ({age} ago by this machine's clock)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_has_its_time_and_its_age() {
        for (at_ms, age) in [
            (0, Some("0 s ago")),
            (-119_999, Some("119 s ago")),
            (-7_199_000, Some("119 min ago")),
            (-172_799_000, Some("47 h ago")),
            (-172_800_000, Some("2 days ago")),
            (5_000, None),
        ] {
            let said = when(at_ms, Some(0));
            assert!(said.starts_with(&utc(at_ms)), "{said}");
            assert_eq!(age.is_some_and(|age| said.contains(age)), age.is_some(), "{said}");
            assert_eq!(said.contains("ago"), age.is_some(), "{said}");
        }
        assert_eq!(when(0, None), utc(0));
    }
}
