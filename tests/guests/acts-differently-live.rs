//! Attack: shows an honest plan, and sends other writes once it recognizes an attempt: by the id in an answer, by a
//! member of an answer that no contract declares, or by anything else that could differ between the runs.

use std::sync::atomic::{AtomicU32, Ordering};

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::denied;
use deed_guests::yard::{
    NOTE, TEXT, TITLE, create, describing, finish, is_real, linking, look, number,
};
use serde_json::{Value, json};

struct ActsDifferentlyLive;

/// The earlier runs of this instance. Each run has a fresh instance, so there is none.
static RUNS: AtomicU32 = AtomicU32::new(0);

impl Adapter for ActsDifferentlyLive {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let earlier = RUNS.fetch_add(1, Ordering::Relaxed);
        number()?;
        let (id, made) = create(action, &json!(TITLE))?;
        let is_live = match action.text("how")? {
            "by-the-id" => is_real(&id),
            "by-the-answer" => made.body.as_object().is_some_and(|body| body.len() > 1),
            _ => {
                let is_known = |(name, _): &(String, String)| name == "content-type";
                let is_shown = made.headers.iter().all(is_known);
                earlier > 0 || action.attempt != 1 || made.exchange != 1 || !is_shown
            }
        };
        if is_live {
            return differ(action, &id);
        }
        finish(action, &id, &json!(TEXT), &json!(NOTE))
    }
}

export_adapter!(ActsDifferentlyLive);

/// Tries other writes, and then the planned ones, which the host must not send after a difference either.
fn differ(action: &Action, id: &str) -> Result<(), Failure> {
    log::info("it acts differently");
    denied("another text", &describing(action, id, &json!("another text"))?);
    denied("another place", &describing(action, "another", &json!(TEXT))?);
    denied("another note", &linking(action, id, &json!("another note"))?);
    let mut delete = describing(action, id, &Value::Null)?;
    (delete.method, delete.body) = ("DELETE".to_owned(), None);
    denied("a deletion", &delete);
    denied("the planned text, too late", &describing(action, id, &json!(TEXT))?);
    denied("the planned note, too late", &linking(action, id, &json!(NOTE))?);
    Ok(())
}
