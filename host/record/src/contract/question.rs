//! Questions of a draft: comment lines of a contract file that begin with `#?`.

/// A question that the author of the contract has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The line number, from 1.
    pub line: usize,
    pub text: String,
}

/// The questions in the text of a contract file. Lines inside a text of several lines count too, because a host that
/// overlooks a question does more harm than one that asks too often.
pub fn questions(text: &str) -> Vec<Question> {
    let question = |(line, text): (usize, &str)| {
        let text = text.trim_start().strip_prefix("#?")?.trim();
        Some(Question { line, text: text.to_owned() })
    };
    // The parser of TOML ignores a byte order mark, which would hide a question in the first line.
    let text = text.trim_start_matches('\u{feff}');
    (1..).zip(text.lines()).filter_map(question).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comment_lines_with_a_question_mark_are_questions() {
        let text = "# a\n  #? Which role?  \nx = \"#? no\" #? no\n#?\n# ? no\n";
        let found: Vec<(usize, String)> =
            questions(text).into_iter().map(|one| (one.line, one.text)).collect();
        assert_eq!(found, [(2, "Which role?".to_owned()), (4, String::new())]);
    }

    #[test]
    fn a_byte_order_mark_hides_no_question() {
        let found = questions("\u{feff}#? Which role?\nformat = 2\n");
        assert_eq!(found, [Question { line: 1, text: "Which role?".to_owned() }]);
    }
}
