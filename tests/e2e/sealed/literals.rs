//! Each function tries to create a permit, a grant or a proof of durability with a struct literal, or to destructure it
//! into its fields.

use deed_record::action::id::ActionId;
use deed_record::exchange::Exchange;
use deed_record::plan::draft::Draft;
use deed_record::policy::{PermitBasis, Permit};
use deed_sandbox::grant::{Cleared, LiveGrant, ReadGrant, RehearsalGrant, ReplayGrant, Scope};
use deed_store::store::Durable;

pub fn permit(action: ActionId, basis: PermitBasis) -> Permit {
    Permit {
        action,                  //~ E0451
        tenant: String::new(),   //~ E0451
        contract: String::new(), //~ E0451
        attempt: 1,              //~ E0451
        basis,                  //~ E0451
    }
}

pub fn durable(action: String) -> Durable {
    Durable {
        action,        //~ E0451
        event: vec![], //~ E0451
    }
}

pub fn cleared(scope: Scope) -> Cleared {
    Cleared { 0: scope } //~ E0451
}

pub fn live(scope: Scope) -> LiveGrant {
    LiveGrant { 0: scope } //~ E0451
}

pub fn scope_of_cleared(cleared: Cleared) -> Scope {
    let Cleared { 0: scope } = cleared; //~ E0451
    scope
}

pub fn read(scope: Scope) -> ReadGrant {
    ReadGrant { 0: scope } //~ E0451
}

pub fn scope_of_read(read: ReadGrant) -> Scope {
    let ReadGrant { 0: scope } = read; //~ E0451
    scope
}

pub fn rehearsal(scope: Scope, draft: Draft) -> RehearsalGrant {
    RehearsalGrant {
        0: scope, //~ E0451
        1: draft, //~ E0451
    }
}

pub fn scope_of_rehearsal(rehearsal: RehearsalGrant) -> Scope {
    let RehearsalGrant { 0: scope, .. } = rehearsal; //~ E0451
    scope
}

pub fn replay(scope: Scope, record: Vec<Exchange>) -> ReplayGrant {
    ReplayGrant {
        scope,       //~ E0451
        record,      //~ E0451
        draft: None, //~ E0451
    }
}

pub fn scope_of_replay(replay: ReplayGrant) -> Scope {
    let ReplayGrant { scope, .. } = replay; //~ E0451
    scope
}
