//! Which module of the host may name which items of our other crates. The modules of the HTTP interface and the command
//! line make no decisions, so they may use neither grants nor the journal.

use std::collections::BTreeSet;

use deed_tests::services::workspace;

use super::paths::{Module, imports};
use super::visit;

/// Each entry has an item and the modules that may name it. An entry also covers all items below its item and all
/// children of its modules. Every module may name the formats and the records, `deed_spec` and `deed_record`.
const RIGHTS: &[(&str, &[&str])] = &[
    ("deed_author::openapi", &["cli::contract"]),
    ("deed_author::project", &["cli::adapter"]),
    ("deed_author::package", &["cli::adapter"]),
    ("deed_host::cli", &["main"]),
    ("deed_sandbox", &["engine"]),
    ("deed_sandbox::Adapter", &["stage::observe", "maintenance::replay"]),
    ("deed_sandbox::COMPILE_COMMAND", &["cli"]),
    ("deed_sandbox::Run", &["stage::observe", "maintenance::replay"]),
    ("deed_sandbox::RunSlot", &["stage::observe"]),
    ("deed_sandbox::Sandbox", &["stage::observe", "maintenance::replay", "cli"]),
    ("deed_sandbox::World", &["config", "cli"]),
    ("deed_sandbox::compile_as_child", &["cli"]),
    (
        "deed_sandbox::credentials",
        &["config", "stage::contract", "maintenance::backup", "cli::secret"],
    ),
    ("deed_sandbox::credentials::Behalf", &["cli::upstream"]),
    ("deed_sandbox::credentials::CredentialFault", &["console::health"]),
    ("deed_sandbox::credentials::CredentialStanding", &["console::health"]),
    ("deed_sandbox::credentials::RequestToken", &["http::auth"]),
    ("deed_sandbox::grant", &["maintenance::replay"]),
    ("deed_sandbox::grant::ReadGrant", &["stage::observe"]),
    ("deed_sandbox::preview", &["cli::contract"]),
    ("deed_sandbox::probe", &["cli::upstream"]),
    ("deed_sandbox::upstream", &["config", "stage::contract"]),
    ("deed_store::group_commit", &["capacity::admission", "engine"]),
    ("deed_store::journal", &["engine", "maintenance"]),
    ("deed_store::journal::version", &["cli::check"]),
    ("deed_store::log", &["engine", "maintenance"]),
    ("deed_store::log::Standing", &["http::operations"]),
    ("deed_store::log::witnesses", &["config", "cli::check"]),
    ("deed_store::statements", &["stage::activation", "engine", "maintenance"]),
    ("deed_store::store", &["engine", "maintenance"]),
    ("deed_store::store::Filter", &["http::filters", "console::decisions"]),
    ("deed_store::store::Page", &["http::actions"]),
    ("deed_store::store::Row", &["api::listing", "http::actions"]),
    ("deed_store::store::Span", &["http::actions", "console::decisions"]),
    ("deed_system::USER_AGENT", &["stage::notify", "oauth::fetch"]),
    (
        "deed_system::clock",
        &["config::warnings", "stage::notify", "engine", "maintenance", "cli", "oauth"],
    ),
    ("deed_system::failpoint", &["engine::reload"]),
    (
        "deed_system::files",
        &["config", "stage::activation", "engine", "maintenance", "process", "cli"],
    ),
    ("deed_verify", &["maintenance", "cli"]),
    ("deed_verify_cli", &["cli::verify"]),
    ("deed_verify_cli::html", &["console::verifier"]),
];

/// A permission: an item, and a module that may name this item.
type Right = (&'static str, &'static str);

/// The fault if this module may not name this path.
pub(super) fn fault(module: &Module, path: &[String]) -> Option<String> {
    if !is_ours(path) || !rights(module, path).is_empty() {
        return None;
    }
    Some(format!("`{}` may not name `{}`", text(module), path.join("::")))
}

fn is_ours(path: &[String]) -> bool {
    let krate = path.first().map(String::as_str).unwrap_or_default();
    krate.starts_with("deed_") && !matches!(krate, "deed_spec" | "deed_record")
}

/// The permissions that allow this module to name this path.
fn rights(module: &Module, path: &[String]) -> Vec<Right> {
    let (module, path) = (text(module), path.join("::"));
    let rights = RIGHTS.iter().flat_map(|(what, who)| who.iter().map(|who| (*what, *who)));
    rights.filter(|(what, who)| is_within(&path, what) && is_within(&module, who)).collect()
}

fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn text(module: &Module) -> String {
    if module.0.is_empty() { "main".to_owned() } else { module.0.join("::") }
}

#[test]
fn no_module_has_a_right_that_it_does_not_use() {
    let src = workspace().join("host/runtime/src");
    let mut used: BTreeSet<Right> = BTreeSet::new();
    visit(&src, &mut |path, text| {
        let module = Module::of(path.strip_prefix(&src).unwrap());
        let found = imports(&module, text).unwrap();
        used.extend(found.outer.iter().filter(|path| is_ours(path)).filter_map(|path| {
            let mut rights = rights(&module, path);
            // The module uses the most specific of its permissions.
            rights.sort_by_key(|(what, who)| std::cmp::Reverse((what.len(), who.len())));
            rights.into_iter().next()
        }));
    });
    let all = RIGHTS.iter().flat_map(|(what, who)| who.iter().map(|who| (*what, *who)));
    let unused: Vec<Right> = all.filter(|right| !used.contains(right)).collect();
    assert_eq!(unused, []);
}
