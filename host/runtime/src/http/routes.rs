//! The table of routes, from which the routers and the OpenAPI document are made.

mod parameters;
mod table;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::App;
use crate::api::openapi::{self, Answer, Content, Method, Operation, Parameter};
use crate::api::view::View;

/// One operation with its handler.
#[derive(Debug)]
pub(super) struct Route {
    handler: MethodRouter<App>,
    operation: Operation,
}

/// The routes for agents, approvers and auditors.
pub(super) fn main() -> Router<App> {
    router(false)
}

/// The routes for health checks and metrics, which have their own listener.
pub(super) fn operations() -> Router<App> {
    router(true)
}

/// The OpenAPI document that describes every route.
pub(super) fn document() -> Value {
    let routes = table::all();
    openapi::document(routes.iter().map(|route| &route.operation))
}

/// Builds the routes of one of the two listeners from the same table as the OpenAPI document, so that both agree on
/// which routes need no token.
fn router(for_operations: bool) -> Router<App> {
    let add = |router: Router<App>, route: Route| router.route(route.operation.path, route.handler);
    let routes = table::all().into_iter();
    routes.filter(|route| route.operation.for_operations == for_operations).fold(Router::new(), add)
}

fn get<H, T>(path: &'static str, handler: H, named: Named) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    Route::new(Method::Get, path, routing::get(handler), named)
}

fn post<H, T>(path: &'static str, handler: H, named: Named) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    Route::new(Method::Post, path, routing::post(handler), named)
}

/// Operation id, tag and summary.
type Named = [&'static str; 3];

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        handler: MethodRouter<App>,
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
            for_browsers: false,
            is_open: false,
        };
        Self { handler, operation }
    }

    fn described(mut self, description: &'static str) -> Self {
        self.operation.description = Some(description);
        self
    }

    fn takes(mut self, parameters: &'static [&'static Parameter]) -> Self {
        self.operation.parameters = parameters;
        self
    }

    fn body<T: JsonSchema>(mut self) -> Self {
        self.operation.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    fn answer(mut self, status: u16, description: &'static str, content: Content) -> Self {
        self.operation.answers.push(Answer { status, description, headers: None, content });
        self
    }

    fn json<T: JsonSchema>(self, description: &'static str) -> Self {
        self.answer(200, description, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    fn text(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Text)
    }

    /// Adds an answer that is a page for people.
    fn page(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Content::Bytes("text/html"))
    }

    /// Lets a browser authenticate a person with name and token.
    fn for_browsers(mut self) -> Self {
        self.operation.for_browsers = true;
        self
    }

    fn bytes(self, description: &'static str, media: &'static str) -> Self {
        self.answer(200, description, Content::Bytes(media))
    }

    /// Sets the headers of every answer that was added so far.
    fn headers(mut self, headers: fn() -> Value) -> Self {
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

    fn problems(mut self, statuses: &'static [u16]) -> Self {
        self.operation.problems = statuses;
        self
    }

    /// Serves the route without a token.
    fn open(mut self) -> Self {
        self.operation.is_open = true;
        self
    }

    /// Serves the route only on the operations listener, which does not require a token.
    fn for_operations(mut self) -> Self {
        self.operation.for_operations = true;
        self
    }
}

#[cfg(test)]
mod tests;
