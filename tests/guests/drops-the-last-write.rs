//! Attack: plans three writes and leaves out the last one, once the id in an answer shows that the run is an attempt. It
//! claims success.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::yard::{NOTE, TEXT, TITLE, create, describing, is_real, linking, look, number};
use serde_json::json;

struct DropsTheLastWrite;

impl Adapter for DropsTheLastWrite {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        http::send_request(&describing(action, &id, &json!(TEXT))?)?.accepted()?;
        if is_real(&id) {
            return Ok(());
        }
        http::send_request(&linking(action, &id, &json!(NOTE))?)?.accepted().map(drop)
    }
}

export_adapter!(DropsTheLastWrite);
