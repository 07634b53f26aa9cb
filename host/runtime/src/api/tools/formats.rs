//! Tool definitions in the formats of other interfaces, ready for their parameter `tools`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Tool;

/// The interface that a list of tools is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI API reference, "Chat Completions", `tools`; many other servers accept the same format.
    OpenAi,
    /// OpenAI API reference, "Responses", `tools`.
    OpenAiResponses,
    /// Anthropic API reference, "Messages", `tools`.
    Anthropic,
    /// Gemini API reference, "Tool", `functionDeclarations`.
    Gemini,
    /// Model Context Protocol, "Server Features: Tools", `tools/list`.
    Mcp,
    /// LangChain, `bind_tools`, which takes the format of Chat Completions for every model.
    LangChain,
}

impl Format {
    /// The words of [`Format::from_word`].
    pub const WORDS: [&'static str; 6] =
        ["openai", "openai-responses", "anthropic", "gemini", "mcp", "langchain"];

    /// The format with this name.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "openai" => Some(Self::OpenAi),
            "openai-responses" => Some(Self::OpenAiResponses),
            "anthropic" => Some(Self::Anthropic),
            "gemini" => Some(Self::Gemini),
            "mcp" => Some(Self::Mcp),
            "langchain" => Some(Self::LangChain),
            _ => None,
        }
    }

    /// The value of the interface's parameter `tools`.
    fn definitions(self, tools: &[Tool]) -> Vec<Value> {
        let each =
            |define: fn(&Tool) -> Value| -> Vec<Value> { tools.iter().map(define).collect() };
        match self {
            Self::OpenAi | Self::LangChain => each(openai),
            Self::OpenAiResponses => each(openai_responses),
            Self::Anthropic => each(anthropic),
            Self::Gemini => {
                vec![json!({"functionDeclarations": each(gemini)})]
            }
            Self::Mcp => each(mcp),
        }
    }
}

/// Tool definitions for one interface.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ToolList {
    /// The definitions, in the form that the interface takes as its parameter `tools`.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub tools: Vec<Value>,
    /// The name of the contract of each tool, by the name of the tool.
    pub contracts: BTreeMap<String, String>,
}

impl ToolList {
    pub fn new(format: Format, tools: &[Tool]) -> Self {
        let contract = |tool: &Tool| (tool.name.clone(), tool.contract.clone());
        Self { tools: format.definitions(tools), contracts: tools.iter().map(contract).collect() }
    }
}

fn openai(tool: &Tool) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.input,
        },
    })
}

/// `strict` would require that every property is required, which does not hold for the parameters of contracts.
fn openai_responses(tool: &Tool) -> Value {
    json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input,
        "strict": false,
    })
}

fn anthropic(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input,
    })
}

fn gemini(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": known_to_gemini(&tool.input),
    })
}

fn mcp(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input,
        "outputSchema": tool.output,
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
            "openWorldHint": tool.open_world,
        },
    })
}

/// The keywords that the Gemini API reads in a JSON Schema ("Structured output", "JSON Schema support"), as far as the
/// schemas of tools have them. The host enforces the other keywords.
const KNOWN_TO_GEMINI: [&str; 11] = [
    "type",
    "title",
    "description",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "required",
    "additionalProperties",
];

/// Whether the Gemini API reads the keyword. A schema in `additionalProperties` has keywords that the API does not
/// read.
fn is_known_to_gemini(keyword: &str, value: &Value) -> bool {
    let is_inner = keyword == "additionalProperties" && value.is_object();
    KNOWN_TO_GEMINI.contains(&keyword) && !is_inner
}

/// The schema with the keywords that the Gemini API reads; `const` becomes `enum`.
fn known_to_gemini(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut known = Map::new();
    for (keyword, value) in keywords {
        let (keyword, value) = match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let inner =
                    properties.iter().map(|(name, one)| (name.clone(), known_to_gemini(one)));
                ("properties", Value::Object(inner.collect()))
            }
            ("const", constant) => ("enum", json!([constant])),
            ("items", items) => ("items", known_to_gemini(items)),
            (keyword, value) if is_known_to_gemini(keyword, value) => (keyword, value.clone()),
            _ => continue,
        };
        known.insert(keyword.to_owned(), value);
    }
    Value::Object(known)
}
