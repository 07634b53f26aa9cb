//! Receipts and bundles of the agent's own actions as resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_record::statement::envelope::Kind;
use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};

use crate::api::problem::Problem;
use crate::http::{self, App, Caller};

const SCHEME: &str = "deed://actions/";
const RECEIPT: &str = "receipt";
const BUNDLE: &str = "bundle";
const RECEIPT_TYPE: &str = "application/json";
const BUNDLE_TYPE: &str = "application/zip";

/// How many of the agent's newest actions are looked through for the list of resources.
const LISTED: &str = "50";
/// A receipt never changes, so a client may keep it for a day.
const FRESH_MS: u64 = 24 * 60 * 60 * 1_000;

/// The URI of the receipt of an action.
pub(super) fn uri(action: &str) -> String {
    format!("{SCHEME}{action}/{RECEIPT}")
}

/// The receipt of an action as a resource.
pub(super) fn resource(action: &str) -> Resource {
    Resource::new(uri(action), format!("receipt-{action}"))
        .with_title(format!("Receipt of {action}"))
        .with_mime_type(RECEIPT_TYPE)
}

/// The receipts of the agent's newest actions that have ended.
pub(super) async fn list(app: &App, caller: &Caller) -> Result<ListResourcesResult, ErrorData> {
    let limit = vec![("limit".to_owned(), LISTED.to_owned())];
    let listed = http::listed(app, caller, limit).await.map_err(|problem| failed(&problem))?;
    let open = ["pending", "waiting", "running"];
    let ended = listed.actions.iter().filter(|action| !open.contains(&action.status.as_str()));
    let receipts = ended.map(|action| resource(&action.id)).collect();
    let list = ListResourcesResult::with_all_items(receipts);
    Ok(list.with_ttl_ms(0).with_cache_scope(CacheScope::Private))
}

/// The forms of the URIs.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let receipt = ResourceTemplate::new(format!("{SCHEME}{{id}}/{RECEIPT}"), "receipt")
        .with_description(
            "The signed receipt of an action of yours that has ended (a DSSE envelope).",
        )
        .with_mime_type(RECEIPT_TYPE);
    let bundle = ResourceTemplate::new(format!("{SCHEME}{{id}}/{BUNDLE}"), "bundle")
        .with_description("The evidence of an action of yours that has ended, for `deed verify`.")
        .with_mime_type(BUNDLE_TYPE);
    let list = ListResourceTemplatesResult::with_all_items(vec![receipt, bundle]);
    list.with_ttl_ms(FRESH_MS).with_cache_scope(CacheScope::Private)
}

/// Reads a resource. For an action of another agent, the error is the same as for an unknown URI.
pub(super) async fn read(
    app: &App,
    caller: &Caller,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let unknown = || {
        let data = serde_json::json!({ "uri": uri });
        ErrorData::resource_not_found("there is no such resource", Some(data))
    };
    let rest = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
    let (action, part) = rest.split_once('/').ok_or_else(unknown)?;
    let id: ActionId = action.parse().map_err(|_| unknown())?;
    let contents = match part {
        RECEIPT => receipt(app, caller, &id)
            .await?
            .map(|text| ResourceContents::text(text, uri).with_mime_type(RECEIPT_TYPE)),
        BUNDLE => bundle(app, caller, &id).await?.map(|bytes| {
            ResourceContents::blob(STANDARD.encode(bytes), uri).with_mime_type(BUNDLE_TYPE)
        }),
        _ => None,
    };
    let read = ReadResourceResult::new(vec![contents.ok_or_else(unknown)?]);
    // A later look or a resolution changes a bundle.
    let fresh_ms = if part == RECEIPT { FRESH_MS } else { 0 };
    Ok(read.with_ttl_ms(fresh_ms).with_cache_scope(CacheScope::Private))
}

/// The envelope of the receipt; `None` if the action has none that the caller may read.
async fn receipt(app: &App, caller: &Caller, id: &ActionId) -> Result<Option<String>, ErrorData> {
    let Some(told) = permitted(http::looked_at(app, caller, id, None).await)? else {
        return Ok(None);
    };
    let chain = &told.story.chain;
    let ended = matches!(told.story.status, Status::Ended(_));
    let found = chain.iter().find(|(kind, _)| *kind == Kind::Receipt).filter(|_| ended);
    let text = found.map(|(_, envelope)| serde_json::to_string(&**envelope));
    text.transpose().map_err(|_| ErrorData::internal_error("the receipt cannot be shown", None))
}

async fn bundle(app: &App, caller: &Caller, id: &ActionId) -> Result<Option<Vec<u8>>, ErrorData> {
    permitted(http::bundled(app, caller, id).await)
}

/// What the caller may read; `None` if the host refuses it.
fn permitted<T>(result: Result<T, Problem>) -> Result<Option<T>, ErrorData> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.status().is_client_error() => Ok(None),
        Err(problem) => Err(failed(&problem)),
    }
}

fn failed(problem: &Problem) -> ErrorData {
    tracing::debug!(?problem, "a resource could not be read");
    ErrorData::internal_error("the host cannot do this now", None)
}
