//! What a client declares that it can do, as far as the server has an answer for it.
//!
//! The declaration is part of each request, so it is used for that request only. A client of the older revisions
//! declares its capabilities in `initialize`, which the server does not remember; such a client gets plain results.

use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, ProtocolVersion};
use rmcp::service::RequestContext;
use serde_json::Value;

use super::card;

/// The declared capabilities on which answers depend. A client that declares none of them loses nothing: the structured
/// result says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// The extension `io.modelcontextprotocol/tasks`.
    pub(super) tasks: bool,
    /// Elicitation in the mode `url`.
    pub(super) url: bool,
    /// The extension `io.modelcontextprotocol/ui`, with HTML.
    pub(super) ui: bool,
}

impl Declared {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let is_new = context.meta.protocol_version() == Some(ProtocolVersion::V_2026_07_28);
        let capabilities = context.meta.client_capabilities().filter(|_| is_new);
        capabilities.as_ref().map(Self::from).unwrap_or_default()
    }
}

impl From<&ClientCapabilities> for Declared {
    fn from(capabilities: &ClientCapabilities) -> Self {
        let url = capabilities.elicitation.as_ref().and_then(|modes| modes.url.as_ref());
        let ui = capabilities.extensions.as_ref().and_then(|all| all.get(card::EXTENSION));
        let types = ui.and_then(|settings| settings.get("mimeTypes")).and_then(Value::as_array);
        Self {
            tasks: capabilities.supports_tasks(),
            url: url.is_some(),
            ui: types.is_some_and(|types| types.iter().any(|one| one == card::MIME_TYPE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(capabilities: Value) -> Declared {
        Declared::from(&serde_json::from_value::<ClientCapabilities>(capabilities).unwrap())
    }

    #[test]
    fn a_capability_counts_only_if_it_is_declared_in_full() {
        for plain in [
            json!({}),
            json!({"elicitation": {}}),
            json!({"elicitation": {"form": {}}}),
            json!({"extensions": {"io.modelcontextprotocol/ui": {}}}),
            json!({"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html"]}}}),
            json!({"experimental": {"io.modelcontextprotocol/tasks": {}}}),
        ] {
            assert_eq!(declared(plain.clone()), Declared::default(), "{plain}");
        }
        let all = json!({
            "elicitation": {"url": {}},
            "extensions": {
                "io.modelcontextprotocol/tasks": {},
                "io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]},
            },
        });
        assert_eq!(declared(all), Declared { tasks: true, url: true, ui: true });
    }
}
