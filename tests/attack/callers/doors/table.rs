//! The doors of the host, with the answers to an agent's attempts to decide: an HTTP status, the code of a JSON-RPC
//! error, the member `again` of a refused call, `ok` for a result, or the exit code of a command.
//!
//! `ok` and a status below 300 mean that the door does something else; the tests check that the action still waits.

use deed_tests::doors;

/// A door and its answers in the order of [`super::stage::Attempt::ALL`].
#[derive(Clone, Copy)]
pub(super) struct Row(&'static str, [&'static str; 6]);

impl Row {
    pub(super) fn text(&self) -> String {
        doors::row(self.0, &self.1)
    }
}

/// The routes of both listeners, in the order of the OpenAPI document, and the methods of `/mcp`.
pub(super) const ROUTES: &[Row] = &[
    Row("POST /v1/actions", ["422"; 6]),
    Row("GET /v1/actions", ["200"; 6]),
    Row("POST /v1/explain", ["422"; 6]),
    Row("GET /v1/actions/{id}", ["202", "202", "202", "202", "202", "404"]),
    Row("POST /v1/actions/{id}/cancel", ["404"; 6]),
    Row("GET /v1/actions/{id}/bundle", ["409", "409", "409", "409", "409", "404"]),
    Row("GET /v1/actions/{id}/approval_request", ["403"; 6]),
    Row("POST /v1/actions/{id}/approvals", ["403"; 6]),
    Row("POST /v1/actions/{id}/deferral", ["403"; 6]),
    Row("POST /v1/actions/{id}/draft", ["403"; 6]),
    Row("GET /v1/actions/{id}/resolution_request", ["403"; 6]),
    Row("POST /v1/actions/{id}/resolution", ["403"; 6]),
    Row("GET /v1/contracts", ["200"; 6]),
    Row("GET /v1/contracts/{name}", ["200"; 6]),
    Row("GET /v1/tools", ["200"; 6]),
    Row("GET /.well-known/oauth-protected-resource", ["404"; 6]),
    Row("GET /.well-known/oauth-protected-resource/mcp", ["404"; 6]),
    Row("GET /log/{tenant}/checkpoint", ["200", "200", "200", "200", "200", "200, 404"]),
    Row("GET /log/{tenant}/tile/{path}", ["200", "200", "200", "200", "200", "200, 404"]),
    Row("GET /healthz", ["200"; 6]),
    Row("GET /readyz", ["200"; 6]),
    Row("GET /metrics", ["200"; 6]),
    Row("GET /", ["403"; 6]),
    Row("GET /actions", ["403"; 6]),
    Row("GET /actions/{id}", ["403"; 6]),
    Row("POST /actions/{id}/statement", ["403"; 6]),
    Row("POST /actions/{id}/answer", ["403"; 6]),
    Row("POST /actions/{id}/deferral", ["403"; 6]),
    Row("GET /actions/{id}/edit", ["403"; 6]),
    Row("POST /actions/{id}/edit", ["403"; 6]),
    Row("GET /actions/{id}/state", ["401"; 6]),
    Row("GET /actions/{id}/bundle", ["403"; 6]),
    Row("GET /agents", ["403"; 6]),
    Row("GET /policies", ["403"; 6]),
    Row("GET /health", ["403"; 6]),
    Row("GET /passkeys", ["403"; 6]),
    Row("GET /verify", ["200"; 6]),
    Row("GET /sign-in", ["200"; 6]),
    Row("POST /sign-in", ["403"; 6]),
    Row("POST /sign-out", ["403"; 6]),
    Row("POST /sign-out-everywhere", ["403"; 6]),
    Row("GET /passkeys/new", ["200"; 6]),
    Row("POST /passkeys/options", ["403"; 6]),
    Row("POST /passkeys/offer", ["403"; 6]),
    Row("GET /mcp", ["405"; 6]),
    Row("DELETE /mcp", ["405"; 6]),
    Row("any other path of the operations listener", ["404"; 6]),
];

/// The tools of MCP, as arguments of `tools/call`.
pub(super) const TOOLS: &[Row] = &[
    Row("idp_read_user", ["corrected"; 6]),
    Row("idp_restore_access", ["corrected"; 6]),
    Row("idp_suspend_user", ["corrected"; 6]),
    Row("deed_can", ["corrected"; 6]),
    Row("deed_cancel", ["corrected", "corrected", "corrected", "corrected", "corrected", "no"]),
    Row("deed_explain", ["corrected"; 6]),
    Row("deed_list", ["corrected"; 6]),
    Row("deed_status", ["corrected", "corrected", "corrected", "corrected", "corrected", "no"]),
    Row("deed_find", ["corrected"; 6]),
    Row("deed_describe", ["corrected"; 6]),
    Row("deed_propose", ["corrected"; 6]),
];

/// The methods of MCP. `tools/call` is here with a tool that does not exist.
pub(super) const METHODS: &[Row] = &[
    Row("initialize", ["ok"; 6]),
    Row("server/discover", ["-32602"; 6]),
    Row("ping", ["ok"; 6]),
    Row("tools/list", ["ok"; 6]),
    Row("tools/call", ["-32602"; 6]),
    Row("prompts/list", ["ok"; 6]),
    Row("prompts/get", ["-32602"; 6]),
    Row("resources/list", ["ok"; 6]),
    Row("resources/templates/list", ["ok"; 6]),
    Row("resources/read", ["-32002"; 6]),
    Row("resources/subscribe", ["-32601"; 6]),
    Row("resources/unsubscribe", ["-32601"; 6]),
    Row("subscriptions/listen", ["-32601"; 6]),
    Row("completion/complete", ["-32601"; 6]),
    Row("logging/setLevel", ["-32601"; 6]),
    Row("tasks/get", ["-32021"; 6]),
    Row("tasks/update", ["-32601"; 6]),
    Row("tasks/cancel", ["-32021"; 6]),
    Row("tasks/list", ["-32601"; 6]),
    Row("tasks/result", ["-32601"; 6]),
    Row("elicitation/create", ["-32601"; 6]),
    Row("sampling/createMessage", ["-32601"; 6]),
    Row("roots/list", ["-32601"; 6]),
    Row("approvals/create", ["-32601"; 6]),
    Row("notifications/initialized", ["202"; 6]),
    Row("notifications/cancelled", ["202"; 6]),
    Row("notifications/progress", ["202"; 6]),
    Row("notifications/elicitation/complete", ["202"; 6]),
    Row("an answer to a request that the host did not send", ["-32600"; 6]),
];

/// The commands that talk to a host. A command that does not know an option ends with 2 and sends nothing.
pub(super) const COMMANDS: &[Row] = &[
    Row("deed contracts", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 0"]),
    Row("deed act", ["exit 2"; 6]),
    Row("deed mcp", ["-32602"; 6]),
    Row("deed ls", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 0"]),
    Row("deed show", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed cancel", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed bundle", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed approve", ["exit 1", "exit 1", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed deny", ["exit 1", "exit 1", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed edit", ["exit 2", "exit 2", "exit 1", "exit 2", "exit 2", "exit 1"]),
    Row("deed defer", ["exit 2", "exit 2", "exit 2", "exit 2", "exit 2", "exit 1"]),
    Row("deed resolve", ["exit 1", "exit 1", "exit 2", "exit 1", "exit 2", "exit 1"]),
    Row("deed log", ["exit 2"; 6]),
];

/// Doors that a later release may have. When one of them answers, its row here no longer matches.
pub(super) const NOT_BUILT: &[Row] = &[
    Row("/console", ["not built"; 6]),
    Row("/inbox", ["not built"; 6]),
    Row("/v1/inbox", ["not built"; 6]),
    Row("/v1/freezes", ["not built"; 6]),
    Row("/v1/plans", ["not built"; 6]),
    Row("/v1/actions/{id}/edit", ["not built"; 6]),
];

/// The whole table.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    [ROUTES, TOOLS, METHODS, COMMANDS, NOT_BUILT].into_iter().flatten()
}
