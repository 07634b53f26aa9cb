//! Records what the host has acknowledged (the "book") and derives what must still hold after a power cut. The book is
//! kept in memory, so power cuts do not affect it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Everything that the host acknowledged, shared by all callers.
#[derive(Default)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
}

#[derive(Default, Clone)]
pub(crate) struct Pages {
    /// Known actions by id.
    pub(crate) actions: BTreeMap<String, Known>,
    /// Proposals by their idempotency keys, answered or not.
    pub(crate) posts: BTreeMap<String, Post>,
    /// Signed checkpoints, in the order in which they were read.
    pub(crate) checkpoints: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) contract: &'static str,
    pub(crate) user: String,
    /// The action's id, which is set once the host has acknowledged the proposal.
    pub(crate) id: Option<String>,
}

/// What the host has acknowledged about one action.
#[derive(Default, Clone)]
pub(crate) struct Known {
    pub(crate) contract: String,
    pub(crate) resource: String,
    /// The end of the action, as [`end`] returns it.
    pub(crate) end: Option<Value>,
    pub(crate) waits: bool,
    pub(crate) approved: bool,
    pub(crate) cancelled: bool,
    /// The bundle that people may read. The bundle is set once nothing more can be added to it.
    pub(crate) bundle: Option<Vec<u8>>,
    /// How often this action was checked in full and found correct.
    pub(crate) checked: u32,
}

impl Book {
    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a proposal. A caller must call this function before it sends the request, because the host may receive
    /// the request without answering.
    pub(crate) fn posted(&self, key: &str, contract: &'static str, user: &str) {
        let post = Post { contract, user: user.to_owned(), id: None };
        self.pages().posts.insert(key.to_owned(), post);
    }

    /// Records an answer of 200 or 202 to a proposal.
    pub(crate) fn acknowledged(&self, key: &str, view: &Value) {
        let mut pages = self.pages();
        if let Some(post) = pages.posts.get_mut(key) {
            post.id = Some(text(view, "/id"));
        }
        pages.saw(view);
    }

    /// Records an answer of 200 or 202 to any other request.
    pub(crate) fn saw(&self, view: &Value) {
        self.pages().saw(view);
    }

    pub(crate) fn approved(&self, view: &Value) {
        let mut pages = self.pages();
        pages.saw(view).approved = true;
    }

    pub(crate) fn cancelled(&self, view: &Value) {
        let mut pages = self.pages();
        pages.saw(view).cancelled = true;
    }

    pub(crate) fn bundled(&self, id: &str, bytes: Vec<u8>) {
        let mut pages = self.pages();
        if let Some(known) = pages.actions.get_mut(id).filter(|known| known.is_final()) {
            known.bundle = Some(bytes);
        }
    }

    pub(crate) fn published(&self, note: String) {
        let mut pages = self.pages();
        if pages.checkpoints.last() != Some(&note) {
            pages.checkpoints.push(note);
        }
    }

    /// The actions that wait for approvers.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let pages = self.pages();
        let waits = pages.actions.iter().filter(|(_, known)| known.waits && known.end.is_none());
        waits.map(|(id, _)| id.clone()).collect()
    }

    /// The actions whose end is final.
    pub(crate) fn ended(&self) -> Vec<String> {
        let pages = self.pages();
        let ended = pages.actions.iter().filter(|(_, known)| known.is_final());
        ended.map(|(id, _)| id.clone()).collect()
    }
}

impl Pages {
    pub(crate) fn saw(&mut self, view: &Value) -> &mut Known {
        let known = self.actions.entry(text(view, "/id")).or_default();
        known.contract = text(view, "/contract");
        known.resource = text(view, "/resource");
        known.waits = view["status"] == "waiting";
        known.end = end(view).or(known.end.take());
        known
    }

    /// Some of the checkpoints, always including the last one.
    pub(crate) fn some_checkpoints(&self, many: usize) -> BTreeSet<String> {
        let step = self.checkpoints.len().div_ceil(many).max(1);
        self.checkpoints.iter().rev().step_by(step).cloned().collect()
    }
}

impl Known {
    /// Whether the action is final, so that nothing more can be added to it.
    pub(crate) fn is_final(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end["outcome"] != "indeterminate")
    }

    /// The id of the user that the action is about.
    pub(crate) fn user(&self) -> &str {
        self.resource.rsplit('/').next().unwrap_or_default()
    }
}

/// The final part of an ended action's view; `None` while the action continues.
pub(crate) fn end(view: &Value) -> Option<Value> {
    view["receipt"]["index"].as_u64()?;
    Some(json!({
        "outcome": view["outcome"], "reason": view["reason"], "receipt": view["receipt"],
        "reconciliation": view["reconciliation"], "changes": view["changes"],
    }))
}

pub(crate) fn text(view: &Value, pointer: &str) -> String {
    view.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
