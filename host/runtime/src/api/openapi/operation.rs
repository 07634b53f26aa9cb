//! One operation: what a request contains, and the possible answers.

use serde_json::{Map, Value, json};

use super::parts::Components;
use super::schemas::SchemaOf;

/// One operation as its route describes it.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// The path as the router expects it. A parameter that spans slashes is written `{*name}`.
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) parameters: &'static [&'static Parameter],
    /// The type of the JSON body.
    pub(crate) body: Option<SchemaOf>,
    pub(crate) answers: Vec<Answer>,
    /// The statuses of the problem documents with which the operation can answer.
    pub(crate) problems: &'static [u16],
    /// Whether the operations listener serves this route, which then needs no token.
    pub(crate) for_operations: bool,
    /// Whether a route of the main listener needs no token.
    pub(crate) is_open: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Method {
    Get,
    Post,
}

impl Method {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}

/// A parameter of one or more operations.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) schema: SchemaOf,
    pub(crate) description: &'static str,
    /// The name of the parameter among the components, if several operations refer to it.
    pub(crate) shared: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Path,
    Query,
    /// In the query; a request without the parameter is refused.
    RequiredQuery,
    Header,
}

/// An answer that is not a problem document: a success, or plain text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) headers: Option<fn() -> Value>,
    pub(crate) content: Content,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Json(SchemaOf),
    Text,
    /// Bytes of this media type.
    Bytes(&'static str),
}

impl Operation {
    /// The OpenAPI path item of this route, without its operations.
    pub(super) fn item(&self) -> Value {
        if !self.for_operations {
            return json!({});
        }
        json!({"servers": [{
            "url": "http://127.0.0.1:7118",
            "description": "Operations: `operations` under [http] of deed.toml.",
        }]})
    }

    pub(super) fn describe(&self, components: &mut Components) -> Value {
        let mut members = Map::new();
        let mut insert = |name: &str, value: Value| members.insert(name.to_owned(), value);
        insert("operationId", json!(self.id));
        insert("tags", json!([self.tag]));
        insert("summary", json!(self.summary));
        if let Some(description) = self.description {
            insert("description", json!(description));
        }
        if !self.parameters.is_empty() {
            let all = self.parameters.iter().map(|one| one.refer(components)).collect();
            insert("parameters", Value::Array(all));
        }
        if let Some(body) = self.body {
            let content = json!({"application/json": {"schema": components.schema(body)}});
            insert("requestBody", json!({"required": true, "content": content}));
        }
        insert("responses", self.responses(components));
        if self.for_operations || self.is_open {
            insert("security", json!([]));
        }
        Value::Object(members)
    }

    fn responses(&self, components: &mut Components) -> Value {
        let mut responses = Map::new();
        for answer in &self.answers {
            responses.insert(answer.status.to_string(), answer.describe(components));
        }
        for status in self.problems {
            responses.insert(status.to_string(), components.problem(*status));
        }
        Value::Object(responses)
    }
}

impl Parameter {
    fn refer(&'static self, components: &mut Components) -> Value {
        match self.shared {
            Some(name) => components.parameter(name, self),
            None => self.describe(components),
        }
    }

    pub(super) fn describe(&self, components: &mut Components) -> Value {
        let place = match self.place {
            Place::Path => "path",
            Place::Query | Place::RequiredQuery => "query",
            Place::Header => "header",
        };
        let mut parameter = json!({"name": self.name, "in": place});
        if let Some(members) = parameter.as_object_mut() {
            if matches!(self.place, Place::Path | Place::RequiredQuery) {
                members.insert("required".to_owned(), json!(true));
            }
            members.insert("schema".to_owned(), components.schema(self.schema));
            members.insert("description".to_owned(), json!(self.description));
        }
        parameter
    }
}

impl Answer {
    fn describe(&self, components: &mut Components) -> Value {
        let content = match self.content {
            Content::Json(schema) => {
                json!({"application/json": {"schema": components.schema(schema)}})
            }
            Content::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
            Content::Bytes(media) => Value::from_iter([(media, json!({}))]),
        };
        let mut answer = json!({"description": self.description});
        if let Some(members) = answer.as_object_mut() {
            if let Some(headers) = self.headers {
                members.insert("headers".to_owned(), headers());
            }
            members.insert("content".to_owned(), content);
        }
        answer
    }
}
