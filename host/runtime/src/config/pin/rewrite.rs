//! Writes the two digests of a grant into the text of `deed.toml`. Every other byte of the text is unchanged.
//!
//! The TOML parser finds the places, because a header or a key can be spelled in several ways, a comment can follow it,
//! and a string of several lines can look like it.

use std::ops::Range;

use deed_spec::digest::Digest;
use toml::de::DeTable;

/// The text with these digests in the table of one grant. `None` if a digest is missing and the grant has no table header
/// below which it can be written.
pub(super) fn rewrite(
    text: &str,
    tenant: &str,
    grant: &str,
    contract: Digest,
    adapter: Digest,
) -> Option<String> {
    // A new line is written directly below the header, so the line that is written last comes first.
    let text = set(text, [tenant, "grant", grant], "adapter", adapter)?;
    set(&text, [tenant, "grant", grant], "contract", contract)
}

fn set(text: &str, path: [&str; 3], key: &str, digest: Digest) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let first = document.get_ref().get("tenant")?;
    let table = path.into_iter().try_fold(first, |table, name| {
        table.get_ref().as_table().and_then(|table| table.get(name))
    })?;
    if let Some(value) = table.get_ref().as_table()?.get(key) {
        return replaced(text, value.span(), &format!("\"{digest}\""));
    }
    let at = below(text, table.span())?;
    let gap = if text.get(..at)?.ends_with('\n') { "" } else { "\n" };
    replaced(text, at..at, &format!("{gap}{key} = \"{digest}\"\n"))
}

/// The start of the line below a table header. The place of a table without a header is that of its key or its braces.
fn below(text: &str, header: Range<usize>) -> Option<usize> {
    let end = header.end;
    text.get(header).filter(|found| found.starts_with('['))?;
    let rest = text.get(end..)?;
    Some(end + rest.find('\n').map_or(rest.len(), |newline| newline + 1))
}

fn replaced(text: &str, place: Range<usize>, new: &str) -> Option<String> {
    let (before, after) = (text.get(..place.start)?, text.get(place.end..)?);
    Some([before, new, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> (Digest, Digest) {
        (Digest::of(b"contract"), Digest::of(b"adapter"))
    }

    /// The text after the grant `a` of the tenant `main` was pinned.
    fn pinned(text: &str) -> Option<String> {
        let (contract, adapter) = digests();
        rewrite(text, "main", "a", contract, adapter)
    }

    fn lines() -> String {
        let (contract, adapter) = digests();
        format!("contract = \"{contract}\"\nadapter = \"{adapter}\"\n")
    }

    #[test]
    fn a_table_header_is_found_in_every_spelling() {
        for header in [
            "[tenant.main.grant.\"a\"]",
            "[tenant.main.grant.a] # reviewed by alice",
            "  [ tenant . main . grant . 'a' ]\t# a comment = with ] and [x]",
            "[\"tenant\".'main'.grant.\"\\u0061\"]\r",
        ] {
            let text = format!("{header}\nupstreams = []\n");
            let wanted = format!("{header}\n{}upstreams = []\n", lines());
            assert_eq!(pinned(&text).as_deref(), Some(wanted.as_str()));
            assert_eq!(pinned(&wanted).as_deref(), Some(wanted.as_str()), "a second time");
        }
    }

    #[test]
    fn the_digests_of_another_grant_are_not_touched() {
        let rest = "[tenant.main.grant.b] # the next one\ncontract = \"sha256:b\"\nadapter = \"sha256:b\"\n\
                    [tenant.other.grant.a]#same name\ncontract = \"sha256:c\"\n\
                    [[witness]] # last\nname = \"contract = x\"\n";
        let text = format!("[tenant.main.grant.a]\nupstreams = []\n{rest}");
        let wanted = format!("[tenant.main.grant.a]\n{}upstreams = []\n{rest}", lines());
        assert_eq!(pinned(&text).as_deref(), Some(wanted.as_str()));
    }

    #[test]
    fn a_digest_is_replaced_where_it_is() {
        let (contract, adapter) = digests();
        for (before, after) in
            [("\"sha256:old\"", ""), ("'''\nold\n'''", " # since May"), ("''", "\r")]
        {
            let text = |one: &str, other: &str| {
                format!(
                    "[tenant.main.grant.a]\n\"contract\"={one}{after}\nupstreams = [\n  \"[x]\", # contract = 1\n]\n\
                     adapter   = {other}{after}\n[tenant.main.grant.a.safe]\ncontract = \"kept\"\n"
                )
            };
            let wanted = text(&format!("\"{contract}\""), &format!("\"{adapter}\""));
            assert_eq!(pinned(&text(before, before)), Some(wanted), "{before}");
        }
    }

    #[test]
    fn a_text_that_looks_like_a_header_is_none() {
        let text = "note = \"\"\"\n[tenant.main.grant.a]\ncontract = \"x\"\n\"\"\"\n";
        assert_eq!(pinned(text), None);
        let text = format!("{text}[tenant.main.grant.a]\nupstreams = []\n");
        assert!(pinned(&text).is_some_and(|text| text.contains("\ncontract = \"x\"\n\"\"\"\n")));
    }

    #[test]
    fn a_grant_without_a_header_is_pinned_only_if_it_has_both_digests() {
        let (contract, adapter) = digests();
        let wanted = format!("{{ contract = \"{contract}\", adapter = \"{adapter}\" }}\n");
        for start in ["tenant.main.grant.a = ", "[tenant.main.grant]\na = "] {
            assert_eq!(pinned(&format!("{start}{{ upstreams = [] }}\n")), None);
            let text = format!("{start}{{ contract = \"x\", adapter = 'y' }}\n");
            assert_eq!(pinned(&text), Some(format!("{start}{wanted}")));
        }
        for text in
            ["[tenant.main.grant]\na.upstreams = []\n", "[[tenant.main.grant.a]]\n", "", "["]
        {
            assert_eq!(pinned(text), None, "{text}");
        }
    }

    #[test]
    fn a_header_at_the_end_of_the_file_gets_a_line_of_its_own() {
        let wanted = format!("[tenant.main.grant.a]\n{}", lines());
        assert_eq!(pinned("[tenant.main.grant.a]"), Some(wanted));
    }
}
