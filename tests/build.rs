//! Generates an enum of the files in `tests/guests/`, so that every `match` over the enum must handle a new guest.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const GUESTS: &str = "guests";

fn main() -> Result<(), Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(GUESTS)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "rs" || kind == "wat") {
            let stem = path.file_stem().ok_or("a guest's file has no name")?;
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("guests.rs"), generated(&names)?)?;
    // This directive on stdout makes cargo watch `tests/guests/`, so that a new file triggers a rebuild.
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("cargo::rerun-if-changed={GUESTS}\n").as_bytes(),
    )?;
    Ok(())
}

fn generated(names: &[String]) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "/// A hostile adapter: one file of `tests/guests/`.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq)]\npub enum Guest {\n",
    );
    for name in names {
        writeln!(text, "    {},", variant(name))?;
    }
    let count = names.len();
    writeln!(text, "}}\n\nimpl Guest {{\n    /// In the order of their names.")?;
    writeln!(text, "    pub const ALL: [Self; {count}] = [")?;
    for name in names {
        writeln!(text, "        Self::{},", variant(name))?;
    }
    writeln!(text, "    ];\n\n    /// The name of its file, of its component and of its case.")?;
    writeln!(text, "    pub const fn name(self) -> &'static str {{\n        match self {{")?;
    for name in names {
        writeln!(text, "            Self::{} => \"{name}\",", variant(name))?;
    }
    text.push_str("        }\n    }\n}\n");
    Ok(text)
}

/// `writes-while-observing` as `WritesWhileObserving`.
fn variant(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    name.split('-').map(word).collect::<Vec<String>>().concat()
}
