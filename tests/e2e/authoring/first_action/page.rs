//! The sections of `docs/first-action.md` with their code blocks.

use std::fmt::Write as _;
use std::fs;

use deed_tests::services::workspace;

/// A part of the page, from one heading to the next one.
#[derive(Default)]
pub(super) struct Section {
    /// The text of the heading.
    pub(super) name: String,
    /// The language and the text of each code block.
    blocks: Vec<(String, String)>,
}

pub(super) fn sections() -> Vec<Section> {
    let page = fs::read_to_string(workspace().join("docs/first-action.md")).unwrap();
    let (mut found, mut open) = (vec![Section::default()], None::<(String, String)>);
    for line in page.lines() {
        match (open.take(), line.strip_prefix("```")) {
            (Some(block), Some(_)) => found.last_mut().unwrap().blocks.push(block),
            (Some((language, text)), None) => open = Some((language, format!("{text}{line}\n"))),
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (None, None) => found.extend(heading(line)),
        }
    }
    assert!(open.is_none(), "a block has no end");
    found
}

fn heading(line: &str) -> Option<Section> {
    let (marks, name) = line.split_once(' ')?;
    let is_heading = !marks.is_empty() && marks.bytes().all(|byte| byte == b'#');
    is_heading.then(|| Section { name: name.to_owned(), blocks: Vec::new() })
}

impl Section {
    /// The commands of the section. A block with a difference edits the file that its first line names.
    pub(super) fn script(&self) -> String {
        let mut script = String::new();
        for (language, text) in &self.blocks {
            match language.as_str() {
                "sh" => script += text,
                "diff" => {
                    let (head, changes) = text.split_once('\n').unwrap();
                    let file = head.strip_prefix("# ").unwrap();
                    writeln!(script, "deed-edit {file} <<'END'\n{changes}END").unwrap();
                }
                other => assert_eq!(other, "text", "a block in this language is not run"),
            }
        }
        script
    }

    /// The lines of output that the section shows.
    pub(super) fn shown(&self) -> Vec<String> {
        let blocks = self.blocks.iter().filter(|(language, _)| language == "text");
        blocks.flat_map(|(_, text)| text.lines().map(str::to_owned)).collect()
    }
}

/// Whether the output has this line. In the line, `…` stands for any text.
pub(super) fn has_line(output: &str, line: &str) -> bool {
    let mut parts = line.split('…').map(str::trim_end);
    let first = parts.next().unwrap_or_default();
    let others: Vec<&str> = parts.collect();
    output.lines().any(|said| {
        let mut rest = said.strip_prefix(first);
        for part in &others {
            rest = rest.and_then(|rest| rest.split_once(*part)).map(|(_, rest)| rest);
        }
        rest.is_some_and(|rest| rest.is_empty() || line.ends_with('…'))
    })
}

#[test]
fn a_line_is_found_with_any_text_in_place_of_an_ellipsis() {
    let output = "act_1  waiting\nserving http://127.0.0.1:7117 (operations)\n";
    for line in ["act_…  waiting", "serving http://127.0.0.1:7117 …", "act_1  waiting"] {
        assert!(has_line(output, line), "{line}");
    }
    for line in ["act_…  verified", "waiting", "act_1", "serving …7118 …"] {
        assert!(!has_line(output, line), "{line}");
    }
}
