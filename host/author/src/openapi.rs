//! Drafts of contracts from OpenAPI documents.
//!
//! Everything in a document is untrusted: sizes and depths are bounded, references lead only into the same document,
//! and no text of a document can end a TOML string, a comment or a line. Whatever a document cannot say is a question
//! in the draft, a line that begins with `#?`.

mod body;
mod change;
mod chosen;
mod create;
mod document;
mod draft;
mod error;
mod hide;
mod look;
mod lost;
mod names;
mod nearest;
mod operation;
mod params;
mod read;
mod reads;
mod render;
mod request;
mod response;
mod schema;
mod secret;
mod sketch;
mod state;
mod style;
mod text;
mod verify;
mod walk;
mod way;
mod work;

use deed_record::contract::Contract;
use deed_record::contract::schema::{Kind, Schema};
use serde_json::Value;

pub use self::document::Document;
pub use self::draft::{Choice, Draft};
pub use self::error::OpenApiError;
pub use self::operation::Operation;
pub use self::read::MAX_BYTES;
use self::sketch::Sketch;
use self::text::shown;

/// Drafts a contract of format 2 for one operation of a document.
///
/// # Errors
///
/// Fails when the document has no such operation, when no contract without an adapter can express the operation, and
/// when the document refers to another document. The error says what to do instead.
pub fn draft(document: &Document, choice: Choice<'_>) -> Result<Draft, OpenApiError> {
    let sketch = style::sketch(document, choice)?;
    let (text, questions) = render::contract(&sketch);
    accepted(&text, choice.operation)?;
    Ok(Draft { text, questions, samples: samples(&sketch) })
}

/// Checks the draft as a host checks a contract. A draft that is refused is a limit of the translation, and no fault of
/// the document.
fn accepted(text: &str, operation: &str) -> Result<(), OpenApiError> {
    let Err(error) = Contract::from_toml("draft", text) else { return Ok(()) };
    // The line is found by its text, which a comment may also contain.
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let error = Contract::from_toml("draft", &lines.join("\n")).err().unwrap_or(error);
    let line = error.line.checked_sub(1).and_then(|at| lines.get(at));
    let place = line.map(|line| format!(" in the line `{}`", shown(line))).unwrap_or_default();
    Err(OpenApiError::whole(format!(
        "the draft of `{operation}` is not a valid contract{place}: {}; write the contract by hand",
        error.what
    )))
}

/// Values for the required parameters. A value need not fit a `pattern`.
fn samples(sketch: &Sketch) -> Vec<String> {
    let required = sketch.params.list().iter().filter(|param| param.required);
    required.map(|param| format!("{}={}", param.name, sample(&param.schema))).collect()
}

fn sample(schema: &Schema) -> String {
    let listed = schema.constant.iter().chain(schema.choices.iter().flatten()).next();
    match (listed, schema.kind()) {
        (Some(Value::String(text)), _) => text.clone(),
        (Some(value), _) => value.to_string(),
        (None, Some(Kind::Integer | Kind::Decimal)) => {
            schema.minimum.or(schema.maximum.filter(|most| *most < 1)).unwrap_or(1).to_string()
        }
        (None, Some(Kind::Boolean)) => "true".to_owned(),
        (None, Some(Kind::Array)) => "[]".to_owned(),
        (None, Some(Kind::Object)) => "{}".to_owned(),
        (None, Some(Kind::String) | None) => "VALUE".to_owned(),
    }
}

#[cfg(test)]
mod tests;
