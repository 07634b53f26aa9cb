//! The table of routes, from which the routers and the OpenAPI document are made. `console` has a table of its own, of
//! the same type.

mod parameters;
mod table;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

pub(crate) use self::parameters::ACTION_ID;
use super::App;
use crate::api::openapi::{Answer, Content, Method, Operation, Parameter};
use crate::api::view::View;

/// One operation with its handler.
#[derive(Debug)]
pub(crate) struct Route<S = App> {
    handler: MethodRouter<S>,
    pub(crate) operation: Operation,
}

/// The routes for agents, approvers and auditors.
pub(super) fn main() -> Router<App> {
    router(false)
}

/// The routes for health checks and metrics, which have their own listener.
pub(super) fn operations() -> Router<App> {
    router(true)
}

/// The operations of both listeners, for the OpenAPI document.
pub(crate) fn operations_of_api() -> Vec<Operation> {
    table::all().into_iter().map(|route| route.operation).collect()
}

/// Builds the routes of one of the two listeners from the same table as the OpenAPI document, so that both agree on
/// which routes need no token.
fn router(for_operations: bool) -> Router<App> {
    let routes = table::all().into_iter();
    router_of(routes.filter(|route| route.operation.for_operations == for_operations))
}

/// A router of these routes.
pub(crate) fn router_of<S>(routes: impl Iterator<Item = Route<S>>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let add =
        |router: Router<S>, route: Route<S>| router.route(route.operation.path, route.handler);
    routes.fold(Router::new(), add)
}

pub(crate) fn get<H, T, S>(path: &'static str, handler: H, named: Named) -> Route<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Route::new(Method::Get, path, routing::get(handler), named)
}

pub(crate) fn post<H, T, S>(path: &'static str, handler: H, named: Named) -> Route<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Route::new(Method::Post, path, routing::post(handler), named)
}

/// The header of an answer that is a file, for the OpenAPI document.
pub(crate) fn attachment() -> Value {
    let what = "`attachment` with the file's name (RFC 6266).";
    json!({"Content-Disposition": {"schema": {"type": "string"}, "description": what}})
}

/// Operation id, tag and summary.
type Named = [&'static str; 3];

impl<S> Route<S> {
    fn new(
        method: Method,
        path: &'static str,
        handler: MethodRouter<S>,
        [id, tag, summary]: Named,
    ) -> Self {
        let operation = Operation {
            method,
            path,
            id,
            tag,
            summary,
            description: None,
            parameters: &[],
            body: None,
            answers: vec![],
            problems: &[],
            for_operations: false,
            is_open: false,
        };
        Self { handler, operation }
    }

    pub(crate) fn described(mut self, description: &'static str) -> Self {
        self.operation.description = Some(description);
        self
    }

    pub(crate) fn takes(mut self, parameters: &'static [&'static Parameter]) -> Self {
        self.operation.parameters = parameters;
        self
    }

    /// Sets the type of the JSON body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.operation.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    fn answer(mut self, status: u16, description: &'static str, content: Content) -> Self {
        self.operation.answers.push(Answer { status, description, headers: None, content });
        self
    }

    /// Adds the answer 200 with a value of this type.
    pub(crate) fn json<T: JsonSchema>(self, description: &'static str) -> Self {
        self.answer(200, description, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    fn text(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Text)
    }

    /// Adds an answer that is a page for people.
    pub(crate) fn page(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Bytes("text/html"))
    }

    pub(crate) fn bytes(self, description: &'static str, media: &'static str) -> Self {
        self.answer(200, description, Content::Bytes(media))
    }

    /// Sets the headers of every answer that was added so far.
    pub(crate) fn headers(mut self, headers: fn() -> Value) -> Self {
        self.operation.answers.iter_mut().for_each(|answer| answer.headers = Some(headers));
        self
    }

    /// Adds the two successful answers of a route that shows an action: 200 and 202.
    fn shows_action(self) -> Self {
        let view = Content::Json(SchemaGenerator::subschema_for::<View>);
        self.answer(200, "The action has ended; see `outcome`.", view)
            .answer(202, "The action waits for people, or still runs. Request it again.", view)
            .headers(|| json!({"Location": {"$ref": "#/components/headers/Location"}}))
    }

    /// Sets the statuses of the problem documents.
    pub(crate) fn problems(mut self, statuses: &'static [u16]) -> Self {
        self.operation.problems = statuses;
        self
    }

    /// Serves the route without a token.
    pub(crate) fn open(mut self) -> Self {
        self.operation.is_open = true;
        self
    }

    /// Serves the route only on the operations listener, which does not require a token.
    fn for_operations(mut self) -> Self {
        self.operation.for_operations = true;
        self
    }
}
