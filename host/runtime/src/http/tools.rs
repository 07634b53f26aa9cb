//! The handler that lists the contracts as tool definitions.
//!
//! The names of the tools are made for all contracts of the tenant, so a tool has the same name for every agent.

use axum::Json;
use axum::extract::State;

use super::App;
use super::auth::Caller;
use super::contracts::reach;
use super::extract::Query;
use crate::api::problem::Problem;
use crate::api::tools;
use crate::api::tools::formats::{Format, ToolList};

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<ToolList>, Problem> {
    caller.agent()?;
    let format = format(&pairs)?;
    let reach = reach(&app, &caller).await?;
    let contracts = caller.tenant.grants.values().map(|granted| &*granted.contract);
    let mut tools = tools::all(contracts);
    tools.retain(|tool| reach.may_use(&tool.contract));
    Ok(Json(ToolList::new(format, &tools)))
}

/// The only parameter of the query.
fn format(pairs: &[(String, String)]) -> Result<Format, Problem> {
    if let Some((key, _)) = pairs.iter().find(|(key, _)| key != "format") {
        return Err(Problem::bad_request(format!("`{key}` is unknown; use format")));
    }
    let [(_, word)] = pairs else {
        let what = if pairs.is_empty() { "`format` is missing" } else { "`format` occurs twice" };
        return Err(Problem::bad_request(format!("{what}; use one of {}", words())));
    };
    Format::from_word(word).ok_or_else(|| {
        Problem::bad_request(format!("invalid format `{word}`: use one of {}", words()))
    })
}

fn words() -> String {
    Format::WORDS.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Format, Problem> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        format(&pairs)
    }

    #[test]
    fn every_format_can_be_asked_for() {
        for word in Format::WORDS {
            assert_eq!(of(&[("format", word)]).ok(), Format::from_word(word), "{word}");
            assert!(Format::from_word(word).is_some(), "{word}");
        }
    }

    #[test]
    fn any_other_query_is_refused_in_words() {
        let cases: [(&[(&str, &str)], &str); 5] = [
            (&[], "`format` is missing; use one of openai, openai-responses"),
            (&[("format", "")], "invalid format ``"),
            (&[("format", "OpenAI")], "invalid format `OpenAI`"),
            (&[("format", "mcp"), ("format", "mcp")], "`format` occurs twice"),
            (&[("format", "mcp"), ("limit", "1")], "`limit` is unknown"),
        ];
        for (pairs, words) in cases {
            let problem = format!("{:?}", of(pairs).unwrap_err());
            assert!(problem.contains(words), "{pairs:?}: {problem}");
        }
    }
}
