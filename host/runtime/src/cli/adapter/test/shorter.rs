//! A contract with shorter waits, so that a suite takes seconds. Nothing else of the contract changes.

use deed_record::contract::{Contract, Duration};
use toml::{Table, Value};

/// How long the `after` expressions may take to become true. The server of the test does not change by itself.
const SETTLE: Duration = Duration::from_millis(300);
/// The pause before another attempt or look.
const BACKOFF: Duration = Duration::from_millis(100);
/// The time limit of one run of the adapter.
const TIMEOUT: Duration = Duration::from_millis(15_000);

/// The text of the contract with shorter waits; `None` if its waits are short.
pub(super) fn contract(text: &str, contract: &Contract) -> Option<String> {
    let waits = [
        ("verify", "settle", contract.verify.settle, SETTLE),
        ("limits", "backoff", contract.limits.backoff, BACKOFF),
        ("limits", "timeout", contract.limits.timeout, TIMEOUT),
    ];
    let mut table: Table = toml::from_str(text).ok()?;
    let mut is_changed = false;
    for (part, name, now, most) in waits {
        if now > most {
            let part = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            part.as_table_mut()?.insert(name.to_owned(), Value::String(most.to_string()));
            is_changed = true;
        }
    }
    let text = toml::to_string(&table).ok().filter(|_| is_changed)?;
    Contract::from_toml("contract.toml", &text).is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../../../../contracts/idp/restore_access.toml");

    #[test]
    fn only_long_waits_become_shorter() {
        let read = |text: &str| Contract::from_toml("x.toml", text).unwrap();
        let own = read(TEXT);
        let changed = read(&contract(TEXT, &own).unwrap());
        assert_eq!(changed.limits.backoff, BACKOFF);
        assert_eq!(changed.limits.timeout, TIMEOUT);
        assert_eq!(changed.verify.settle, own.verify.settle, "it was short");
        let mut back = changed.clone();
        back.limits = own.limits.clone();
        assert_eq!(back, own, "nothing else changes");
        assert_eq!(contract(TEXT, &changed), None);
    }
}
