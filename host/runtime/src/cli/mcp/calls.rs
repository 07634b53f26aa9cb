//! The calls of tools in progress, by the ids that the client gave them, so that the client can cancel one.
//!
//! The host does not read `notifications/cancelled`, because it has no sessions, and the ids of two clients can be
//! equal. It takes a closed connection for a cancelled call, so each call has a connection of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::cli::client::Client;

/// All calls in progress.
#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<String, Arc<Call>>>);

/// One call in progress.
pub(super) struct Call {
    pub(super) client: Client,
    is_cancelled: AtomicBool,
}

impl Calls {
    /// Notes a call that will be sent with this client.
    pub(super) fn begin(&self, id: &Value, client: Client) -> Arc<Call> {
        let call = Arc::new(Call { client, is_cancelled: AtomicBool::new(false) });
        self.lock().insert(id.to_string(), Arc::clone(&call));
        call
    }

    /// Cancels the call with this id, if it is in progress.
    pub(super) fn cancel(&self, id: &Value) {
        let call = self.lock().get(&id.to_string()).cloned();
        if let Some(call) = call {
            call.is_cancelled.store(true, Ordering::SeqCst);
            call.client.close();
        }
    }

    /// Forgets a call that has ended. A later call with the same id is kept.
    pub(super) fn end(&self, id: &Value, call: &Arc<Call>) {
        let mut calls = self.lock();
        let id = id.to_string();
        if calls.get(&id).is_some_and(|one| Arc::ptr_eq(one, call)) {
            calls.remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Call>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }
}

/// The id of the request that a message cancels.
pub(super) fn cancelled(message: &Value) -> Option<&Value> {
    let method = message.get("method").and_then(Value::as_str);
    message.pointer("/params/requestId").filter(|_| method == Some("notifications/cancelled"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_notification_cancels() {
        let params = json!({"requestId": "a"});
        let with = |method: &str| json!({"method": method, "params": params});
        assert_eq!(cancelled(&with("notifications/cancelled")), Some(&json!("a")));
        assert_eq!(cancelled(&with("notifications/progress")), None);
        assert_eq!(cancelled(&json!({"method": "notifications/cancelled"})), None);
    }
}
