//! The base path of the console: the path of `public_url`, which a proxy removes from requests. Addresses that browsers
//! get begin with it, and the routes of the host do not have it.
//!
//! It is a value of the task that answers a request, because refusals and redirects are made without the state of the
//! pages. It is the same for all requests to a host.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

tokio::task_local! {
    static BASE: Arc<str>;
}

/// Answers a request with pages whose addresses begin with this path.
pub(super) async fn within(State(base): State<Arc<str>>, request: Request, next: Next) -> Response {
    BASE.scope(base, next.run(request)).await
}

/// The address of a path of the host as browsers request it.
pub(super) fn address(path: &str) -> String {
    BASE.try_with(|base| format!("{base}{path}")).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_begins_with_the_base_path() {
        assert_eq!(address("/actions"), "/actions");
        BASE.sync_scope("/deed".into(), || {
            assert_eq!(
                (address("/actions").as_str(), address("/").as_str()),
                ("/deed/actions", "/deed/")
            );
        });
        assert_eq!(address("/actions"), "/actions");
    }
}
