//! Attacks through the configuration: files, links, contracts and tables that a hostile or careless person has left in
//! the served directory.

pub(crate) mod bench;
mod canary;
mod contracts;
mod credentials;
mod files;
mod links;
mod misplaced;
mod people;
mod programs;
mod reload;
mod routes;
mod sizes;
mod state;
mod tokens;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [
        files::cases(),
        links::cases(),
        sizes::cases(),
        contracts::cases(),
        people::cases(),
        credentials::cases(),
        misplaced::cases(),
        programs::cases(),
        routes::cases(),
        tokens::cases(),
        state::cases(),
        reload::cases(),
        canary::cases(),
    ]
    .concat()
}
