//! The methods of the protocol that the server has. The crate `rmcp` calls them, and answers every other method.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskMethod, CancelTaskParams,
    ConstString, GetPromptRequestParams, GetPromptResponse, GetTaskMethod, GetTaskParams,
    GetTaskResult, Implementation, InitializeRequestParams, InitializeResult, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, UpdateTaskMethod, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;

use super::context::{Call, KEY};
use super::declared::Declared;
use super::joins::Joins;
use super::offer::{self, OfHost, Offer, Offers};
use super::progress::Progress;
use super::revisions::SPOKEN;
use super::{call, can, card, explain, own, receipt, search, task};
use crate::engine::{Current, Derived};
use crate::http::{self, App, Caller};

/// How long a client may keep the list of tools. The list changes when the host starts or reloads its configuration.
const TOOLS_FRESH_MS: u64 = 60_000;

const INSTRUCTIONS: &str = "The tools of contracts propose actions; of the tools deed_*, only deed_propose does, and \
    deed_explain with rehearse proposes a dry run, which sends no write. The host decides by policy whether an action \
    runs, and people may have to approve it, so a call can return before the action has ended. Then call deed_status \
    with the action's id. No tool approves an action; approve_url is a page for the people who approve. If a call fails \
    or is cut off, repeat it with the same arguments. Do not propose a denied action again in other words.";

/// The server. Each request has a clone of it.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    app: App,
    of_host: Arc<OfHost>,
    offers: Arc<Derived<Offers>>,
    joins: Arc<Joins>,
}

impl Handler {
    pub(super) fn new(app: &App) -> Self {
        let mut always = [vec![can::tool(), explain::tool()], own::tools()].concat();
        always.sort_by(|one, other| one.name.cmp(&other.name));
        let shows = [search::PROPOSE, own::STATUS];
        let of_host = Arc::new(OfHost { always, searching: search::tools(), shows });
        let current = app.engine.current();
        let offers = offer::offers(current.tenants(), &of_host);
        let offers = Arc::new(Derived::new(current, offers));
        Self { app: app.clone(), of_host, offers, joins: Arc::default() }
    }

    /// The offers of the configuration in force. The definitions of tools are not kept longer, so that no client is
    /// offered a tool whose contract is no longer granted.
    fn offers(&self) -> Arc<Offers> {
        let next =
            |current: &Arc<Current>, _: &Offers| offer::offers(current.tenants(), &self.of_host);
        self.offers.get(&self.app.engine, next)
    }
}

fn offer<'o>(offers: &'o Offers, caller: &Caller) -> Result<&'o Offer, ErrorData> {
    offers.get(&caller.tenant.name).ok_or_else(unidentified)
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_tasks()
            .build();
        let extensions = capabilities.extensions.get_or_insert_default();
        extensions.insert(card::EXTENSION.to_owned(), JsonObject::new());
        let own = Implementation::new("deed", env!("CARGO_PKG_VERSION")).with_title("deed");
        ServerConfig::new(capabilities).with_server_info(own).with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&SPOKEN)
    }

    /// Extensions are not offered in the revisions with `initialize`: the server would have to remember what the client
    /// declared there.
    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut agreed = self.negotiate_initialize(&request)?;
        agreed.capabilities.extensions = None;
        Ok(agreed)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request)?;
        let caller = caller(&context)?;
        let reach = http::reach(&self.app, caller).await.map_err(|_| unable())?;
        let has_card = Declared::of(&context).ui;
        let listed = offer(&self.offers(), caller)?.listed(&reach, has_card);
        let list = ListToolsResult::with_all_items(listed);
        Ok(list.with_ttl_ms(TOOLS_FRESH_MS).with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = caller(&context)?;
        let offers = self.offers();
        let (offer, headers) = (offer(&offers, caller)?, &head(&context)?.headers);
        let key = match context.meta.get(KEY) {
            None => None,
            Some(Value::String(key)) => Some(key.as_str()),
            Some(_) => {
                let what = "`idempotency_key` in `_meta` must be a string";
                return Err(ErrorData::invalid_params(what, None));
            }
        };
        let (declared, progress) = (Declared::of(&context), Progress::of(&context));
        let (app, joins, progress) = (&self.app, &*self.joins, progress.as_ref());
        let call = Call { app, caller, offer, joins, key, headers, declared, progress };
        tokio::select! {
            response = call::run(call, request) => response,
            // The client has gone. A proposal that was accepted goes on without this call.
            () = context.ct.cancelled() => {
                Err(ErrorData::internal_error("the request was cancelled", None))
            }
        }
    }

    /// The server has no prompts. The empty list says for how long clients may keep it.
    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        one_page(request)?;
        let list = ListPromptsResult::with_all_items(Vec::new());
        Ok(list.with_ttl_ms(TOOLS_FRESH_MS).with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Err(ErrorData::invalid_params("the server has no prompts", None))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        one_page(request)?;
        receipt::list(&self.app, caller(&context)?).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        one_page(request)?;
        Ok(receipt::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = if request.uri == card::URI {
            card::read()
        } else {
            receipt::read(&self.app, caller(&context)?, &request.uri).await?
        };
        Ok(ReadResourceResponse::from(read))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let declared = with_tasks::<GetTaskMethod>(&context)?;
        task::get(&self.app, (caller(&context)?, &self.joins), declared, &request.task_id).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        with_tasks::<UpdateTaskMethod>(&context)?;
        task::update(&self.app, caller(&context)?, &request.task_id).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        with_tasks::<CancelTaskMethod>(&context)?;
        task::cancel(&self.app, caller(&context)?, &request.task_id).await
    }
}

/// What the client declares, if that includes tasks. The crate has checked this for the new revision; the older ones do
/// not have the method.
fn with_tasks<M: ConstString>(context: &RequestContext<RoleServer>) -> Result<Declared, ErrorData> {
    let declared = Declared::of(context);
    if declared.tasks { Ok(declared) } else { Err(ErrorData::method_not_found::<M>()) }
}

/// Every list is one page, so no cursor is valid.
fn one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("the cursor is not valid", None)),
    }
}

/// The head of the HTTP request that carried the message.
fn head(context: &RequestContext<RoleServer>) -> Result<&Parts, ErrorData> {
    context.extensions.get::<Parts>().ok_or_else(unidentified)
}

/// The agent that sent this message. Each request is authenticated by itself.
fn caller(context: &RequestContext<RoleServer>) -> Result<&Caller, ErrorData> {
    head(context)?.extensions.get::<Caller>().ok_or_else(unidentified)
}

fn unidentified() -> ErrorData {
    ErrorData::internal_error("the caller of the request is not known", None)
}

fn unable() -> ErrorData {
    ErrorData::internal_error("the host cannot do this now", None)
}
