//! Compares the doors of a host, which are all ways to send it a request, with a table of them. A row has a door and its
//! answer to each attempt.

/// A row of the table in Markdown.
pub fn row(door: &str, answers: &[impl AsRef<str>]) -> String {
    let cells = answers.iter().map(|answer| format!(" {} |", answer.as_ref()));
    format!("| `{door}` |{}", cells.collect::<String>())
}

/// A message for each row that was found and is not listed, and for each that is listed and was not found.
pub fn differences(found: &[String], listed: &[String]) -> Vec<String> {
    let without = |rows: &[String], others: &[String], what: &str| -> Vec<String> {
        let missing = rows.iter().filter(|row| !others.contains(row));
        missing.map(|row| format!("{what}: {row}")).collect()
    };
    [without(found, listed, "not listed"), without(listed, found, "not found")].concat()
}

/// The rows of the table below this heading of a Markdown text.
pub fn table(text: &str, heading: &str) -> Vec<String> {
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with('#'));
    section.filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_row_is_a_difference() {
        let listed = [row("GET /v1/actions", &["200", "403"])];
        assert_eq!(listed[0], "| `GET /v1/actions` | 200 | 403 |");
        let mut found = listed.to_vec();
        assert!(differences(&found, &listed).is_empty());
        found.push(row("POST /v1/approve_all", &["200", "200"]));
        let told = differences(&found, &listed);
        assert_eq!(told, ["not listed: | `POST /v1/approve_all` | 200 | 200 |"]);
    }

    #[test]
    fn another_answer_and_a_route_that_is_gone_are_differences() {
        let listed = [row("GET /a", &["403"]), row("GET /b", &["403"])];
        let told = differences(&[row("GET /a", &["200"])], &listed);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("not listed") && told[0].contains("200"), "{told:?}");
    }

    #[test]
    fn only_the_rows_below_the_heading_are_read() {
        let text =
            "| `x` | 1 |\n## Doors\n\n| door | a |\n|---|---|\n| `y` | 2 |\n\n## Next\n| `z` | 3 |";
        assert_eq!(table(text, "## Doors"), ["| `y` | 2 |"]);
        assert!(table(text, "## Other").is_empty());
    }
}
