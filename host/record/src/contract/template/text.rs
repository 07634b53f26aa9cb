//! Text with placeholders: its division into literals and placeholders, and its rendering with given values.
//!
//! In format 1, a text is either one placeholder or a literal. Format 2 also has text around placeholders, `{x?}`,
//! `{action.id}`, and `{{` and `}}` for literal braces.

use std::borrow::Cow;

use serde_json::Value;

use super::RenderError;
use crate::action::id::ActionId;

/// The values that placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Origins<'a> {
    pub params: &'a Value,
    /// The id of the action; `None` in format 1, where every placeholder is a parameter.
    pub action: Option<&'a ActionId>,
    /// The parameters that are kept as text but sent as numbers in a JSON body.
    pub numbers: &'a [&'a str],
}

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'t> {
    /// `{name}`, or `{name?}` if the parameter may be absent.
    Param { name: &'t str, optional: bool },
    /// `{action.id}`.
    ActionId,
    /// `{pre.STATE.MEMBER}`: a value of the state before the action, by the path below `pre`.
    Pre(&'t str),
    /// `{answer.NAME.MEMBER}`: a value of the answer to the write with this name, by the path below `answer`.
    Answer(&'t str),
}

/// One part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'t> {
    Literal(Cow<'t, str>),
    Value(Source<'t>),
}

/// The format of the contract that a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    One,
    Two,
}

impl Origins<'_> {
    /// The format whose placeholders these values belong to.
    pub(crate) fn format(&self) -> Format {
        if self.action.is_some() { Format::Two } else { Format::One }
    }

    /// Whether the value of a placeholder is sent as a number in a JSON body.
    pub(super) fn is_number(&self, source: Source<'_>) -> bool {
        matches!(source, Source::Param { name, .. } if self.numbers.contains(&name))
    }

    /// The value of a placeholder; `None` if its parameter is absent.
    pub(super) fn value(&self, source: Source<'_>) -> Option<Cow<'_, Value>> {
        match source {
            Source::Param { name, .. } => self.params.get(name).map(Cow::Borrowed),
            Source::ActionId => self.action.map(|id| Cow::Owned(Value::from(id.as_str()))),
            // These values are known only after the host has read the state or sent the write; `exchange::late` fills
            // them in.
            Source::Pre(_) | Source::Answer(_) => None,
        }
    }
}

impl<'t> Source<'t> {
    /// The name of the value.
    pub(super) fn name(self) -> String {
        match self {
            Self::Param { name, .. } => name.to_owned(),
            Self::ActionId => "action.id".to_owned(),
            Self::Pre(path) => format!("pre.{path}"),
            Self::Answer(path) => format!("answer.{path}"),
        }
    }

    /// The placeholder as it is written.
    pub fn written(self) -> String {
        match self {
            Self::Param { name, optional: false } => format!("{{{name}}}"),
            Self::Param { name, optional: true } => format!("{{{name}?}}"),
            Self::ActionId => "{action.id}".to_owned(),
            Self::Pre(path) => format!("{{pre.{path}}}"),
            Self::Answer(path) => format!("{{answer.{path}}}"),
        }
    }

    fn parse(name: &'t str) -> Option<Self> {
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | ':');
        if name.is_empty() || !name.chars().all(fits) {
            return None;
        }
        match name {
            "action.id" if !optional => Some(Self::ActionId),
            name if name.starts_with("pre.") && !optional => {
                Some(Self::Pre(name.strip_prefix("pre.").filter(is_path)?))
            }
            name if name.starts_with("answer.") && !optional => {
                Some(Self::Answer(name.strip_prefix("answer.").filter(is_path)?))
            }
            // In format 2, a name with a dot is not a parameter.
            name if name.contains('.') => None,
            name => Some(Self::Param { name, optional }),
        }
    }
}

/// Whether this is a name and at least one member, joined by dots.
fn is_path(path: &&str) -> bool {
    path.contains('.') && !path.split('.').any(str::is_empty)
}

/// The pieces of a text.
///
/// # Errors
///
/// Fails when a brace is neither part of a placeholder nor doubled.
pub fn pieces(text: &str, format: Format) -> Result<Vec<Piece<'_>>, RenderError> {
    if format == Format::One {
        return match super::placeholder(text) {
            Some(name) => Ok(vec![Piece::Value(Source::Param { name, optional: false })]),
            None if text.contains(['{', '}']) => Err(RenderError::Mixed(text.to_owned())),
            None => Ok(vec![Piece::Literal(Cow::Borrowed(text))]),
        };
    }
    let mut found: Vec<Piece<'_>> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        push(&mut found, before);
        if let Some(behind) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            push(&mut found, after.get(..1).unwrap_or_default());
            rest = behind;
            continue;
        }
        let brace = || RenderError::Brace(text.to_owned());
        let inner = after.strip_prefix('{').ok_or_else(brace)?;
        let (name, behind) = inner.split_once('}').ok_or_else(brace)?;
        let source =
            Source::parse(name).ok_or_else(|| RenderError::Unknown(format!("{{{name}}}")))?;
        found.push(Piece::Value(source));
        rest = behind;
    }
    push(&mut found, rest);
    Ok(found)
}

/// The placeholder, if the whole text is a single placeholder.
pub fn whole<'t>(pieces: &[Piece<'t>]) -> Option<Source<'t>> {
    match pieces {
        [Piece::Value(source)] => Some(*source),
        _ => None,
    }
}

/// The text with every placeholder replaced by its value, encoded by `escaped`. Fails when a value is absent or is not
/// a text, number or boolean.
pub(super) fn render(
    pieces: &[Piece<'_>],
    origins: &Origins<'_>,
    mut literal: impl FnMut(&str) -> String,
    mut escaped: impl FnMut(&str) -> String,
) -> Result<String, RenderError> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(&literal(text)),
            // The placeholder stays in the text until the answer is known. It can be found again then, because rendered
            // values contain no braces.
            Piece::Value(source @ Source::Answer(_)) => out.push_str(&source.written()),
            Piece::Value(source) => out.push_str(&escaped(&plain(*source, origins)?)),
        }
    }
    Ok(out)
}

/// The value of a placeholder as text. Fails when the value is absent, or is not a text, number or boolean.
pub(super) fn plain(source: Source<'_>, origins: &Origins<'_>) -> Result<String, RenderError> {
    let name = || source.name();
    let value = origins.value(source).ok_or_else(|| RenderError::Absent(name()))?;
    match value.as_ref() {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(RenderError::Unfit(name())),
    }
}

fn push<'t>(found: &mut Vec<Piece<'t>>, text: &'t str) {
    if text.is_empty() {
        return;
    }
    match found.last_mut() {
        Some(Piece::Literal(before)) => before.to_mut().push_str(text),
        _ => found.push(Piece::Literal(Cow::Borrowed(text))),
    }
}
