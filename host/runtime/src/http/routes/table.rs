//! The rows of the route table. Routes with the same path are adjacent. A row without `for_operations` is served on the
//! main listener, and requires a token unless it is `open`.

use deed_record::action::Proposal;
use deed_record::statement::approval::ApprovalRequest;
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_spec::dsse::Envelope;

use super::parameters::{
    ACTION_ID, AGENT, CONTRACT, FORMAT, FROM, IDEMPOTENCY_KEY, LIMIT, OF_CONTRACT, PERSON, PREFER,
    RESOURCE, SINCE, STATUS, TENANT, TEXT, TILE, TRACE, TRACEPARENT,
};
use super::{Route, attachment, get, post};
use crate::api::contracts::{ContractList, GrantedContract};
use crate::api::deferral::DeferralWanted;
use crate::api::draft::DraftWanted;
use crate::api::listing::ActionList;
use crate::api::resource::ProtectedResource;
use crate::api::tools::formats::ToolList;
use crate::engine::Explained;
use crate::http::{
    actions, approvals, contracts, deferrals, drafts, log, operations, resolutions, resource, tools,
};

/// Every route of the host.
pub(super) fn all() -> Vec<Route> {
    let parts = [
        proposing(),
        shown(),
        approving(),
        resolving(),
        granted(),
        described(),
        logged(),
        for_operations(),
    ];
    parts.into_iter().flatten().collect()
}

fn proposing() -> Vec<Route> {
    let propose = ["proposeAction", "actions", "Propose an action"];
    let list = ["listActions", "actions", "List actions, newest first"];
    let explain =
        ["explainAction", "actions", "Explain what a proposal would result in, without doing it"];
    vec![
        post("/v1/actions", actions::propose, propose)
            .described(
                "Only an agent can propose. A request with the same key and body returns the same action.",
            )
            .takes(&[&IDEMPOTENCY_KEY, &PREFER, &TRACEPARENT])
            .body::<Proposal>()
            .shows_action()
            .problems(&[400, 401, 403, 404, 409, 413, 415, 422, 429, 503]),
        get("/v1/actions", actions::list, list)
            .described(
                "Newest first. With `contract`, `person`, `q` or `since`, one request looks at no more than 500 actions, \
                 and at fewer if their proposals are large; `next` says where the list goes on.",
            )
            .takes(&[
                &STATUS,
                &RESOURCE,
                &AGENT,
                &OF_CONTRACT,
                &PERSON,
                &TEXT,
                &TRACE,
                &SINCE,
                &FROM,
                &LIMIT,
            ])
            .json::<ActionList>("The actions that the caller may see.")
            .problems(&[400, 401, 429, 503]),
        post("/v1/explain", actions::explain, explain)
            .described("No state is read, so policies over `context.pre` are not evaluated.")
            .body::<Proposal>()
            .json::<Explained>("The policy decision, and the requests that would be sent.")
            .problems(&[400, 401, 403, 404, 413, 415, 422, 429, 503]),
    ]
}

fn shown() -> Vec<Route> {
    let summary = "Show one action: parameters, writes, status, decision, calls, changes, ledger";
    let show = ["showAction", "actions", summary];
    let cancel = ["cancelAction", "actions", "Cancel an action whose attempt has not started"];
    let bundle =
        ["bundleAction", "actions", "Fetch the evidence of an ended action, for `deed verify`"];
    let file = "A `.deed` file: an uncompressed zip archive whose bytes are always the same.";
    vec![
        get("/v1/actions/{id}", actions::show, show)
            .described(
                "Until the action has ended, an agent sees its status and obligations, but not the observed state. The \
                 agent always sees the parameters and the writes that are rendered from them. Without `Prefer`, the \
                 host answers immediately.",
            )
            .takes(&[&ACTION_ID, &PREFER])
            .shows_action()
            .problems(&[400, 401, 404, 429, 503]),
        post("/v1/actions/{id}/cancel", actions::cancel, cancel)
            .takes(&[&ACTION_ID])
            .shows_action()
            .problems(&[401, 404, 409, 429, 503]),
        get("/v1/actions/{id}/bundle", actions::bundle, bundle)
            .described("An agent's copy does not contain the observed state and the exchanges.")
            .takes(&[&ACTION_ID])
            .bytes(file, "application/zip")
            .headers(attachment)
            .problems(&[401, 404, 409, 429, 503]),
    ]
}

fn approving() -> Vec<Route> {
    let request = ["showApprovalRequest", "approvals", "Show what an approver is asked to sign"];
    let answer = ["answerApproval", "approvals", "Approve or deny, with a signature"];
    let defer = ["deferApproval", "approvals", "Put a request for approval off"];
    let edit = ["editAction", "approvals", "Propose a changed version of a waiting action"];
    vec![
        get("/v1/actions/{id}/approval_request", approvals::request, request)
            .described(
                "The approver's client recomputes every digest from this answer. A passkey signs the digest of `shown` \
                 instead, which only persons with a passkey get.",
            )
            .takes(&[&ACTION_ID])
            .json::<ApprovalRequest>("Everything that the approver's answer covers.")
            .problems(&[401, 403, 404, 409, 429, 503]),
        post("/v1/actions/{id}/approvals", approvals::answer, answer)
            .described(
                "The envelope's statement has predicate type `urn:deed:approval:v1`. The signature is that of a key file, \
                 or that of a passkey with its assertion in `webauthn`. A denial is final. In the place of a role, \
                 `confirm` stands for the confirmation by the responsible person.",
            )
            .takes(&[&ACTION_ID])
            .body::<Envelope>()
            .shows_action()
            .problems(&[400, 401, 403, 404, 409, 413, 415, 429, 503]),
        post("/v1/actions/{id}/deferral", deferrals::defer, defer)
            .described(
                "Only for persons who may answer and have not approved. A deferral changes when the person is \
                 reminded, and where the console lists the request: until `until_ms`, there is no reminder, and the \
                 request is under `Put off`. It changes no permission, and the request expires as before.",
            )
            .takes(&[&ACTION_ID])
            .body::<DeferralWanted>()
            .shows_action()
            .problems(&[400, 401, 403, 404, 409, 413, 415, 429, 503]),
        post("/v1/actions/{id}/draft", drafts::edit, edit)
            .described(
                "Only for persons who may answer and have not approved. The changed version is a new action of the \
                 same agent under the same contract, which policy decides about. When it would wait for people or run, \
                 the waiting action ends as `denied`, because it is replaced. The person becomes a requester, and \
                 cannot approve the changed version. The answer shows the changed version.",
            )
            .takes(&[&ACTION_ID])
            .body::<DraftWanted>()
            .shows_action()
            .problems(&[400, 401, 403, 404, 409, 413, 415, 422, 429, 503]),
    ]
}

fn resolving() -> Vec<Route> {
    let summary = "Show what an operator is asked to resolve and sign";
    let request = ["showResolutionRequest", "resolutions", summary];
    let resolve = ["resolveAction", "resolutions", "Resolve an open outcome, with a signature"];
    vec![
        get("/v1/actions/{id}/resolution_request", resolutions::request, request)
            .described(
                "The request exists while the action is `indeterminate`. The person's client recomputes the digests of \
                 the action and the receipt from this answer.",
            )
            .takes(&[&ACTION_ID])
            .json::<ResolutionRequest>("Everything that the resolution is about.")
            .problems(&[401, 403, 404, 409, 429, 503]),
        post("/v1/actions/{id}/resolution", resolutions::resolve, resolve)
            .described(
                "The envelope's statement has predicate type `urn:deed:reconciliation:v1` and the person's resolution \
                 as its predicate. Only a person with the role `operator` who is not responsible for the agent can \
                 resolve an action, and only once. The host then reads the state again. If the state settles the \
                 outcome, that result takes precedence; otherwise the resolution decides. A resolution never results \
                 in `verified`.",
            )
            .takes(&[&ACTION_ID])
            .body::<Envelope>()
            .shows_action()
            .problems(&[400, 401, 403, 404, 409, 413, 415, 429, 503]),
    ]
}

fn granted() -> Vec<Route> {
    let list = ["listContracts", "contracts", "List the contracts that the caller may use"];
    let show = ["showContract", "contracts", "Show one contract, and what is granted for it"];
    let tools = ["listTools", "contracts", "List the contracts as tool definitions"];
    vec![
        get("/v1/contracts", contracts::list, list)
            .described(
                "For an agent, the list has no contract under which policy denies every action of the agent.",
            )
            .json::<ContractList>("The tenant's granted contracts.")
            .problems(&[401, 429, 503]),
        get("/v1/contracts/{name}", contracts::show, show)
            .takes(&[&CONTRACT])
            .json::<GrantedContract>("The contract and its grant.")
            .problems(&[401, 404, 429, 503]),
        get("/v1/tools", tools::list, tools)
            .described(
                "Only for agents. The list has no contract under which policy denies every action of the agent. A call \
                 of a tool is sent as a proposal: `intent`, `sources` and `expect` of the arguments become those of \
                 the proposal, `idempotency_key` becomes the header, and all other arguments become `params`. If the \
                 arguments have a member `params`, that member alone becomes `params`.",
            )
            .takes(&[&FORMAT])
            .json::<ToolList>("The tool definitions, sorted by name.")
            .problems(&[400, 401, 403, 429, 503]),
    ]
}

/// The metadata of the host as a protected resource. Clients look for it below the well-known path with the path of the
/// resource, and then without.
fn described() -> Vec<Route> {
    let known = ["showResource", "authorization", "Show which issuers' access tokens are accepted"];
    let of_mcp =
        ["showMcpResource", "authorization", "The same, for clients that use the path of `/mcp`"];
    let metadata = |path: &'static str, named| {
        get(path, resource::metadata, named)
            .described("RFC 9728. There is no such document if no issuer is configured.")
            .json::<ProtectedResource>("The resource, its issuers and their scopes.")
            .problems(&[404])
            .open()
    };
    vec![
        metadata("/.well-known/oauth-protected-resource", known),
        metadata("/.well-known/oauth-protected-resource/mcp", of_mcp),
    ]
}

fn logged() -> Vec<Route> {
    let checkpoint = ["showCheckpoint", "log", "Fetch the newest checkpoint of the log"];
    let tile = ["showTile", "log", "Fetch a tile of hashes, or a bundle of entries"];
    vec![
        get("/log/{tenant}/checkpoint", log::checkpoint, checkpoint)
            .takes(&[&TENANT])
            .text(200, "A signed note (C2SP tlog-checkpoint).")
            .problems(&[401, 404, 429, 503]),
        get("/log/{tenant}/tile/{*path}", log::tile, tile)
            .takes(&[&TENANT, &TILE])
            .bytes("The tile's bytes.", "application/octet-stream")
            .problems(&[401, 404, 429, 503]),
    ]
}

fn for_operations() -> Vec<Route> {
    let health = ["health", "operations", "Whether the process is alive"];
    let ready = ["ready", "operations", "Whether the host accepts new actions, and why not"];
    let metrics = ["metrics", "operations", "Counters and gauges"];
    vec![
        get("/healthz", operations::health, health)
            .text(200, "`ok`: the process answers, and its store can be written.")
            .text(
                503,
                "The journal or a log cannot be written; the text has the reason. The host exits soon; a restart \
                 recovers.",
            )
            .for_operations(),
        get("/readyz", operations::ready, ready)
            .text(200, "`ready`: new work is accepted.")
            .text(
                503,
                "Why the host is not ready, one reason per line: it is stopping, its store failed, the system's clock \
                 jumped, or the disk has too little room.",
            )
            .for_operations(),
        get("/metrics", operations::metrics, metrics)
            .text(200, "Prometheus text exposition format 0.0.4.")
            .for_operations(),
    ]
}
