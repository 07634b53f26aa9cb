//! Each example file tries to evade the import rules in one way. The import rules must refuse every example, which
//! shows that the tests of the real sources can fail.

use std::path::Path;

use super::paths::Module;
use super::{faults, pure};

fn refused(file: &str, source: &str) {
    let faults = faults(&Module::of(Path::new(file)), source);
    assert!(!faults.is_empty(), "`{source}` in {file} is not refused");
}

fn accepted(file: &str, source: &str) {
    let faults = faults(&Module::of(Path::new(file)), source);
    assert!(faults.is_empty(), "`{source}` in {file}: {faults:?}");
}

#[test]
fn a_later_module_cannot_be_named_in_any_way() {
    for source in [
        "use crate::http::App;",
        "use crate::{config::Config, http::App};",
        "use crate::{config::{Config, Limits}, engine::{Engine, drive}, cli};",
        "use crate::http as h;",
        "use super::super::http::App;",
        "use super::super::{config, http};",
        "use super::{super::{cli::out}};",
        "use self::super::super::cli;",
        "fn f() { crate::http::router() }",
        "fn f() -> super::super::http::App { todo() }",
        "type A = crate::cli::Failure;",
        "impl From<crate::api::View> for u8 {}",
        "fn f() { println!(\"{}\", crate::http::BODY) }",
        "macro_rules! m { () => { use crate::{config, http}; } }",
        "macro_rules! m { () => { super::super::cli::run() } }",
        "#[derive(Debug)] struct S { app: crate::http::App }",
        "mod inner { use super::super::super::http; }",
        "use crate::*;",
        "use crate as host;",
        "use crate::{self as host};",
        "use super::super as host;",
        "extern crate self as host;",
        "#[path = \"../http/auth.rs\"] mod auth;",
        "#[cfg_attr(unix, path = \"../http/auth.rs\")] mod auth;",
        "#[cfg_attr(unix, cfg_attr(test, path = \"x.rs\"))] mod auth;",
        "include!(\"../http/auth.rs\");",
        "macro_rules! m { () => { include!(\"../http/auth.rs\"); } }",
        "#[derive(crate::http::Shown)] struct S;",
        "#[crate::http::shown] fn f() {}",
        "#[serde(with = \"crate::http::auth\")] struct S;",
        "struct S { #[cfg_attr(unix, serde(default = \"crate::cli::out\"))] one: u8 }",
        "macro_rules! m { () => { use crate as host; } }",
        "macro_rules! m { () => { use crate::{self as host}; } }",
        "macro_rules! m { () => { use super::super as host; } }",
        "macro_rules! m { () => { use crate::*; } }",
        "macro_rules! m { () => { use crate::{*}; } }",
        "macro_rules! m { () => { use super::{super::*}; } }",
        "macro_rules! m { () => { use super::{super::{http as h}}; } }",
        "macro_rules! m { () => { use $crate::http; } }",
        "use crate::r#http::App;",
        "fn f() { m!(crate::r#http::App) }",
        "use crate::nowhere::X;",
    ] {
        refused("engine/drive.rs", source);
    }
}

#[test]
fn a_module_cannot_pass_another_on() {
    for source in [
        "pub use crate::config::Config;",
        "pub(crate) use crate::config::Config;",
        "pub use super::super::config;",
        "pub use crate::config as settings;",
    ] {
        refused("engine/drive.rs", source);
    }
}

#[test]
fn a_module_names_of_our_crates_what_it_has_a_right_to() {
    for (file, source) in [
        ("http/actions.rs", "use deed_sandbox::grant;"),
        ("http/actions.rs", "use deed_sandbox::{Adapter, grant::{self, Scope}};"),
        ("http/actions.rs", "fn f() { deed_sandbox::grant::clear(one, two) }"),
        ("http/actions.rs", "macro_rules! m { () => { deed_sandbox::grant::read } }"),
        ("http/actions.rs", "use deed_store::journal::Journal;"),
        ("http/actions.rs", "use deed_store as s;"),
        ("http/actions.rs", "use deed_store::*;"),
        ("http/actions.rs", "use deed_store::store::Store;"),
        ("http/actions.rs", "use deed_store::store::{Filter, Append};"),
        ("cli/serve.rs", "use deed_store::{journal, log};"),
        ("cli/serve.rs", "use deed_sandbox::*;"),
        ("cli/serve.rs", "use ::deed_sandbox::grant::LiveGrant;"),
        ("stage/policy.rs", "use deed_sandbox::Sandbox;"),
        ("stage/observe.rs", "use deed_sandbox::grant::{self, ReadGrant};"),
        ("config/pin.rs", "use deed_store::store::Store;"),
        ("engine/drive.rs", "pub use deed_store::store::Store;"),
        ("engine/drive.rs", "use deed_verify::verify;"),
        ("lib.rs", "use deed_store::journal;"),
    ] {
        refused(file, source);
    }
    accepted(
        "engine/drive.rs",
        "use deed_sandbox::{RunSlot, grant}; use deed_store::store::Store;",
    );
    accepted("http/filters.rs", "use deed_store::store::Filter; use deed_record::action::Action;");
    accepted("http/listing.rs", "const NAME: &str = \"deed_store::journal\";");
}

#[test]
fn no_stage_names_another() {
    refused("stage/approval.rs", "use crate::stage::policy;");
    refused("stage/approval.rs", "use super::policy;");
    refused("stage/approval.rs", "fn f() { super::policy::ask() }");
    accepted("stage/approval.rs", "use self::answers::Answer; use super::approval::X;");
}

#[test]
fn what_stands_before_can_be_named() {
    for source in [
        "use crate::config::{self, Config}; use crate::stage::policy; use super::gate;",
        "pub use self::limit::Limit; pub(crate) use super::gate::Gate;",
        "mod inner { use super::*; use super::super::gate; }",
        "use std::sync::Arc; use tokio::sync::Mutex;",
        "macro_rules! m { () => { pub(crate) struct S; pub(super) use super::gate; } }",
        "macro_rules! m { ($a:expr) => { use crate::{config as http, stage}; $a * 2 } }",
        "#[doc = \"crate::http\"] #[must_use = \"text\"] fn f() { a.crate_::<u8>() }",
    ] {
        accepted("engine/drive.rs", source);
    }
}

#[test]
fn a_pure_file_cannot_reach_out() {
    for source in [
        "use std::fs;",
        "use std::{fs, io};",
        "use std::{collections::BTreeMap, time::{Duration, Instant}};",
        "use std::net::*;",
        "use std::*;",
        "use std as s;",
        "use std::{self as s};",
        "use ::std::env;",
        "extern crate std as s;",
        "use std::io;",
        "fn f() { std::process::exit(1) }",
        "fn f() { ::std::thread::spawn(g) }",
        "fn f() { println!(\"{:?}\", std::time::Instant::now()) }",
        "macro_rules! m { () => { std::env::var(\"HOME\") } }",
        "macro_rules! m { () => { use std::{cmp, fs}; } }",
        "async fn f() {}",
        "fn f() { g(async { 1 }) }",
        "trait T { async fn f(); }",
        "#[serde(default = \"std::time::Instant::now\")] struct S;",
        "#[cfg_attr(unix, path = \"elsewhere.rs\")] mod elsewhere;",
        "include!(\"elsewhere.rs\");",
        "use r#std::fs;",
        "macro_rules! m { () => { use std::fs as files; } }",
        "fn f() { println!(\"{}\", 1) }",
        "fn f() { eprintln!() }",
        "fn f() -> u8 { dbg!(1) }",
        "fn f() { std::print!(\"1\") }",
        "macro_rules! m { () => { eprint!(\"1\") } }",
        "use std::hash::RandomState;",
        "use std::collections::hash_map::{HashMap, RandomState as Keys};",
        "use std::hash::*; fn f() { RandomState::new() }",
    ] {
        assert!(!pure::faults(source).is_empty(), "`{source}` is not refused");
    }
    for source in [
        "use std::collections::{BTreeMap, BTreeSet}; use std::io::Read as _;",
        "use crate::json; use super::*; fn f() -> std::fmt::Result { Ok(()) }",
    ] {
        assert_eq!(pure::faults(source), Vec::<String>::new(), "{source}");
    }
}
