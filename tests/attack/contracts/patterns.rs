//! Patterns and other schemas that do not limit the characters of a value, and therefore cannot stand next to text.

use std::path::Path;

use deed_record::contract::Contract;

use super::escapes::{of_pattern, text_of};
use super::stage::lay_out;
use crate::case::{Case, cases};
use crate::configuration::bench::{Bench, pin, replace};

pub(super) fn cases() -> Vec<Case> {
    cases!["patterns-that-limit-nothing" => patterns_that_limit_nothing]
}

/// Patterns that allow other characters than narrow ones, or do not limit the text around their match.
const UNLIMITED: [&str; 36] = [
    "",
    "[a-z]+",
    "^[a-z]+",
    "[a-z]+$",
    "^a$|b",
    "a|^b$",
    "^(a|b$)",
    "(^a|b)$",
    "^[a-z]+(\n|$)",
    "(?m)^[a-z]+$",
    "(?m:^)[a-z]+$",
    "^[a-z]+(?m:$)",
    "^.+$",
    "(?s)^.$",
    "^[^/]+$",
    "^[^\"]+$",
    r"^\w+$",
    r"^\d+$",
    r"^\S+$",
    r"^\p{L}+$",
    "(?i)^[a-z]+$",
    "^(?i:k)$",
    "^[a-z\"]+$",
    "^[a-z']+$",
    "^[a-z ]+$",
    r"^[\x22]$",
    r"^\x{27}$",
    "^[!-~]+$",
    "^[+-/]+$",
    "^[[:punct:]]$",
    "^é$",
    "^a%$",
    "^a:b$",
    r"^a\\$",
    r"^a\t$",
    "^[a-z]*'?$",
];

fn patterns_that_limit_nothing() {
    let why = "touches the text around it";
    for pattern in UNLIMITED {
        let said =
            Contract::from_toml("c.toml", &text_of(&of_pattern(pattern))).unwrap_err().to_string();
        assert!(said.contains(why), "{pattern}: {said}");
    }
    for schema in [
        "{ type = \"string\" }",
        "{ type = \"string\", maxLength = 4 }",
        "{ type = \"string\", enum = [\"a\", \"b\\\" or \\\"\"] }",
        "{ type = \"string\", const = \"a'b\" }",
        "{ type = \"array\", items = { type = \"integer\" } }",
    ] {
        let said = Contract::from_toml("c.toml", &text_of(schema)).unwrap_err().to_string();
        assert!(said.contains(why), "{schema}: {said}");
    }
    let mut bench = Bench::new();
    let narrow = of_pattern("^[a-z]+$");
    lay_out(bench.dir(), "127.0.0.1:9", &[("escape", text_of(&narrow))], "", "").unwrap();
    pin(bench.dir());
    bench.keep();
    let file = "contracts/field_escape.toml";
    for pattern in ["[a-z]+", "^a$|b", "^[^/]+$", r"^\w+$", "(?i)^[a-z]+$", "^[a-z']+$"] {
        let attack = |dir: &Path| {
            replace(dir, file, &narrow, &of_pattern(pattern));
            pin(dir);
        };
        bench.refused(pattern, attack, &[file, why]);
    }
    bench.well();
}
