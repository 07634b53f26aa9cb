//! Tests of the commands for authors of contracts and adapters.

mod adapters;
mod documents;
mod examples;
mod first_action;
mod new;
mod packages;
mod tested;
mod trial;
mod wasi_clients;
