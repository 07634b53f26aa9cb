//! One operation of a document.

use serde_json::Value;

use super::params::{Piece, pieces};

/// The methods of operations that a contract can send.
pub(super) const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// An operation: a method and a path, with what the document says about them.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'d> {
    /// The method in upper case.
    pub method: &'static str,
    pub path: &'d str,
    /// The `operationId`; many documents have none.
    pub id: Option<&'d str>,
    pub summary: Option<&'d str>,
    pub(super) value: &'d Value,
    /// The path item, whose parameters belong to each of its operations.
    pub(super) item: &'d Value,
}

impl<'d> Operation<'d> {
    pub(super) fn new(method: &str, path: &'d str, value: &'d Value, item: &'d Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Self {
            method: upper(method),
            path,
            id: text("operationId"),
            summary: text("summary").or_else(|| text("description")),
            value,
            item,
        }
    }

    /// The operation as `METHOD /path`, by which it can always be named.
    pub fn request(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The JSON pointer to the operation.
    pub(super) fn pointer(&self) -> String {
        let item = deed_spec::json::child("/paths", self.path);
        deed_spec::json::child(&item, &self.method.to_ascii_lowercase())
    }

    /// The codes of the answers that the document describes.
    pub(super) fn codes(&self) -> Vec<&'d str> {
        let answers = self.value.get("responses").and_then(Value::as_object);
        answers.into_iter().flat_map(|answers| answers.keys().map(String::as_str)).collect()
    }

    /// Whether the document describes an answer with this code.
    pub(super) fn answers(&self, code: &str) -> bool {
        self.codes().contains(&code)
    }
}

fn upper(method: &str) -> &'static str {
    match method {
        "head" => "HEAD",
        "post" => "POST",
        "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        _ => "GET",
    }
}

/// The path without a slash at its end, and without the names of its parameters: `/users/{id}` and `/users/{user}` have
/// the same form.
pub(super) fn form(path: &str) -> String {
    let segments = path.trim_end_matches('/').split('/');
    let bare = segments.map(|segment| {
        let parts = pieces(segment).into_iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Param(_) => "{}",
        });
        parts.collect::<String>()
    });
    bare.collect::<Vec<_>>().join("/")
}

/// The path without its last segment; `None` if it has only one.
pub(super) fn parent(path: &str) -> Option<&str> {
    let (head, _) = path.trim_end_matches('/').rsplit_once('/')?;
    (!head.is_empty()).then_some(head)
}

/// The name of the parameter that is the whole last segment.
pub(super) fn last_parameter(path: &str) -> Option<&str> {
    let (_, last) = path.trim_end_matches('/').rsplit_once('/')?;
    let name = last.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains(['{', '}'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_the_names_of_parameters() {
        assert_eq!(form("/users/{id}/"), form("/users/{user}"));
        assert_eq!(form("/a/{b}.json"), "/a/{}.json");
        assert_eq!(form("/a/{b}...{c}"), "/a/{}...{}");
        assert_ne!(form("/users/{id}"), form("/users/id"));
        assert_eq!(parent("/a/{b}/c/"), Some("/a/{b}"));
        assert_eq!(parent("/a"), None);
        assert_eq!(last_parameter("/a/{b}"), Some("b"));
        assert_eq!(last_parameter("/a/{b}.json"), None);
        assert_eq!(last_parameter("/a/{b}{c}"), None);
    }
}
