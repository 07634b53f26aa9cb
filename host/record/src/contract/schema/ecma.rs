//! Writes a pattern in the syntax of ECMA-262, which JSON Schema expects and validators compile with the flag `u`.
//!
//! Only what means exactly the same is written. Flags, classes of Unicode characters and word boundaries have no exact
//! counterpart, because they depend on the version of Unicode or on the script.

use std::fmt::Write as _;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassSet, ClassSetItem, Group,
    GroupKind, Repetition, RepetitionKind, RepetitionRange,
};

/// The characters that have a meaning outside and inside a class.
const OUTSIDE: &str = "^$\\.*+?()[]{}|";
const INSIDE: &str = "^\\[]-";

/// The pattern in ECMA-262; `None` if a part of it has no exact counterpart.
pub(super) fn ecma(pattern: &str) -> Option<String> {
    let ast = Parser::new().parse(pattern).ok()?;
    let mut out = String::with_capacity(pattern.len());
    node(&ast, &mut out)?;
    Some(out)
}

/// Recursion is bounded by the parser's nesting limit.
fn node(ast: &Ast, out: &mut String) -> Option<()> {
    match ast {
        Ast::Empty(_) => {}
        Ast::Literal(literal) => character(literal.c, OUTSIDE, out),
        // In ECMA-262, `.` leaves out three more line breaks.
        Ast::Dot(_) => out.push_str("[^\\n]"),
        Ast::Assertion(assertion) => out.push(anchor(&assertion.kind)?),
        Ast::ClassBracketed(class) => bracketed(class, out)?,
        Ast::Repetition(repetition) => repeated(repetition, out)?,
        Ast::Group(group) => grouped(group, out)?,
        Ast::Concat(concat) => {
            for part in &concat.asts {
                node(part, out)?;
            }
        }
        Ast::Alternation(alternation) => {
            for (number, choice) in alternation.asts.iter().enumerate() {
                if number > 0 {
                    out.push('|');
                }
                node(choice, out)?;
            }
        }
        Ast::Flags(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) => return None,
    }
    Some(())
}

/// Without flags, `^` and `\A` are the start of the text, and `$` and `\z` its end.
fn anchor(kind: &AssertionKind) -> Option<char> {
    match kind {
        AssertionKind::StartLine | AssertionKind::StartText => Some('^'),
        AssertionKind::EndLine | AssertionKind::EndText => Some('$'),
        _ => None,
    }
}

/// In ECMA-262, a quantifier cannot follow an anchor or another quantifier.
fn repeated(repetition: &Repetition, out: &mut String) -> Option<()> {
    let part = &*repetition.ast;
    let is_one =
        matches!(part, Ast::Literal(_) | Ast::Dot(_) | Ast::ClassBracketed(_) | Ast::Group(_));
    if is_one {
        node(part, out)?;
    } else {
        out.push_str("(?:");
        node(part, out)?;
        out.push(')');
    }
    out.push_str(&quantifier(&repetition.op.kind));
    if !repetition.greedy {
        out.push('?');
    }
    Some(())
}

fn quantifier(kind: &RepetitionKind) -> String {
    match kind {
        RepetitionKind::ZeroOrOne => "?".to_owned(),
        RepetitionKind::ZeroOrMore => "*".to_owned(),
        RepetitionKind::OneOrMore => "+".to_owned(),
        RepetitionKind::Range(RepetitionRange::Exactly(count)) => format!("{{{count}}}"),
        RepetitionKind::Range(RepetitionRange::AtLeast(least)) => format!("{{{least},}}"),
        RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => {
            format!("{{{least},{most}}}")
        }
    }
}

/// Nothing refers to a group by its name.
fn grouped(group: &Group, out: &mut String) -> Option<()> {
    match &group.kind {
        GroupKind::NonCapturing(flags) if !flags.items.is_empty() => return None,
        GroupKind::NonCapturing(_) => out.push_str("(?:"),
        GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => out.push('('),
    }
    node(&group.ast, out)?;
    out.push(')');
    Some(())
}

fn bracketed(class: &ClassBracketed, out: &mut String) -> Option<()> {
    out.push_str(if class.negated { "[^" } else { "[" });
    set(&class.kind, out)?;
    out.push(']');
    Some(())
}

/// The characters of a class. ECMA-262 has no operations on classes.
fn set(kind: &ClassSet, out: &mut String) -> Option<()> {
    match kind {
        ClassSet::Item(inner) => item(inner, out),
        ClassSet::BinaryOp(_) => None,
    }
}

fn item(one: &ClassSetItem, out: &mut String) -> Option<()> {
    match one {
        ClassSetItem::Literal(literal) => character(literal.c, INSIDE, out),
        ClassSetItem::Range(range) => {
            character(range.start.c, INSIDE, out);
            out.push('-');
            character(range.end.c, INSIDE, out);
        }
        ClassSetItem::Ascii(ascii) => out.push_str(named(ascii)?),
        // A class inside a class adds its characters.
        ClassSetItem::Bracketed(class) if !class.negated => set(&class.kind, out)?,
        ClassSetItem::Union(union) => {
            for inner in &union.items {
                item(inner, out)?;
            }
        }
        ClassSetItem::Empty(_)
        | ClassSetItem::Bracketed(_)
        | ClassSetItem::Unicode(_)
        | ClassSetItem::Perl(_) => return None,
    }
    Some(())
}

/// The characters of a class with a name, such as `[:alpha:]`.
fn named(class: &ClassAscii) -> Option<&'static str> {
    match class.kind {
        _ if class.negated => None,
        ClassAsciiKind::Alnum => Some("0-9A-Za-z"),
        ClassAsciiKind::Alpha => Some("A-Za-z"),
        ClassAsciiKind::Digit => Some("0-9"),
        ClassAsciiKind::Lower => Some("a-z"),
        ClassAsciiKind::Upper => Some("A-Z"),
        ClassAsciiKind::Word => Some("0-9A-Z_a-z"),
        ClassAsciiKind::Xdigit => Some("0-9A-Fa-f"),
        _ => None,
    }
}

fn character(c: char, special: &str, out: &mut String) {
    if c == '\n' {
        out.push_str("\\n");
    } else if c.is_control() {
        // Control characters are below U+0100. Writing to a string cannot fail.
        write!(out, "\\x{:02x}", u32::from(c)).unwrap_or_default();
    } else {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::ecma;

    #[test]
    fn a_pattern_that_means_the_same_stays_as_it_is() {
        for pattern in [
            "^[0-9a-f]{32}$",
            "^[A-Za-z0-9._%+]+@[a-z]+\\.[a-z]{2,}$",
            "^(?:a|b){1,3}$",
            "^[0-9]+(\\.[0-9]{1,2})?$",
            "^[^/\\]]+$",
            "^a+?$",
            "^/[^?#]*$",
            "^𝒳{2}$",
        ] {
            assert_eq!(ecma(pattern).as_deref(), Some(pattern));
        }
    }

    #[test]
    fn what_ecma_writes_in_another_way_is_written_in_that_way() {
        for (pattern, written) in [
            (".", "[^\\n]"),
            ("[]a]", "[\\]a]"),
            ("[^]a]", "[^\\]a]"),
            ("^*a", "(?:^)*a"),
            ("^a{2}{3}$", "^(?:a{2}){3}$"),
            ("a++", "(?:a+)+"),
            ("a+??", "(?:a+?)?"),
            ("\\A[a-z]\\z", "^[a-z]$"),
            ("(?P<name>a)(?<other>b)", "(a)(b)"),
            ("^[[:alpha:]_]+$", "^[A-Za-z_]+$"),
            ("^[a[b-d]]$", "^[ab-d]$"),
            ("\\x41\\x{42}\\u0043", "ABC"),
            ("\\-\\/\\#", "-/#"),
            ("[+-]", "[+\\-]"),
            ("\\t\\n", "\\x09\\n"),
        ] {
            assert_eq!(ecma(pattern).as_deref(), Some(written), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_without_an_exact_counterpart_is_left_out() {
        for pattern in [
            "(?i)^a$",
            "(?i:a)",
            "(?x) a b",
            "(?m)^a$",
            "(?s).",
            "^\\d+$",
            "^\\s$",
            "^[\\w-]+$",
            "\\bword\\b",
            "^\\p{L}+$",
            "^\\pL$",
            "^[\\PL]$",
            "^[[:^alpha:]]+$",
            "^[[:punct:]]$",
            "^[a-z&&[^b]]$",
            "^[a-z--b]$",
            "^[a-z~~b]$",
            "^[a[^b]]$",
            "a\\",
        ] {
            assert_eq!(ecma(pattern), None, "{pattern}");
        }
    }
}
