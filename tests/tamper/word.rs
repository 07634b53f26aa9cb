//! What stays the host's word: fields that it could have signed otherwise and that nothing in a bundle
//! contradicts. The list stands here, in docs/tamper.md, and is compared with what really gets through.

/// A pointer without its indices.
pub(crate) fn pattern(what: &str) -> String {
    let words = what.split('/').map(|step| {
        let digits = step.split(' ').next().unwrap_or_default();
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            step.replacen(digits, "*", 1)
        } else {
            step.to_owned()
        }
    });
    words.collect::<Vec<_>>().join("/")
}

/// A claim that is the host's to make.
pub(crate) fn is_the_hosts(_kind: &str, _what: &str) -> bool {
    false
}

/// Fields, as `part /pointer` without indices.
const WORD: &[&str] = &[];

pub(crate) fn is_listed(pattern: &str) -> bool {
    WORD.contains(&pattern)
}

/// What is listed and was caught all the same, or the other way round; only a full run can tell.
pub(crate) fn differences(through: &std::collections::BTreeSet<String>) -> Vec<String> {
    let listed = WORD.iter().filter(|word| !through.contains(**word));
    listed
        .map(|word| format!("word.rs: `{word}` was caught every time; take it off the list"))
        .collect()
}

/// What the page does not say, or says and is not so.
pub(crate) fn page(text: &str) -> Vec<String> {
    let listed: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next()).collect();
    let words: std::collections::BTreeSet<&str> = WORD.iter().copied().collect();
    let lacks = words.difference(&listed).map(|word| format!("lacks the host's word `{word}`"));
    let stale = listed.difference(&words).map(|word| format!("names `{word}`, which is caught"));
    lacks.chain(stale).collect()
}
