//! The host as a protected resource of OAuth 2.0 (RFC 9728).

use schemars::JsonSchema;
use serde::Serialize;

/// What a client needs to get an access token for this host (RFC 9728 section 2).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProtectedResource {
    /// The audience that a token must have.
    resource: String,
    /// The issuers whose tokens the host accepts.
    authorization_servers: Vec<String>,
    /// The scopes that tokens of these issuers must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: Vec<&'static str>,
    resource_name: &'static str,
}

impl ProtectedResource {
    pub(crate) fn new(resource: String, servers: Vec<String>, scopes: Vec<String>) -> Self {
        Self {
            resource,
            authorization_servers: servers,
            scopes_supported: scopes,
            bearer_methods_supported: vec!["header"],
            resource_name: "deed",
        }
    }
}
