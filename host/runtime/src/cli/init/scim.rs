//! The example `scim`: three contracts for a SCIM service, which need the adapter `scim`.

use std::path::Path;

use super::Example;
use crate::cli::out::shell;

pub(super) const FILES: Example = Example {
    config: include_str!("deed.toml"),
    files: &[
        (
            "contracts/idp.read_user.toml",
            include_str!("../../../../../contracts/idp/read_user.toml"),
        ),
        (
            "contracts/idp.restore_access.toml",
            include_str!("../../../../../contracts/idp/restore_access.toml"),
        ),
        (
            "contracts/idp.suspend_user.toml",
            include_str!("../../../../../contracts/idp/suspend_user.toml"),
        ),
        ("policies/starter.cedar", include_str!("../../../../../contracts/policies/starter.cedar")),
    ],
};

pub(super) fn next(path: &Path) -> String {
    format!(
        "edit {} (base_url and origin), then `deed secret set {} idp-read`",
        shell(&path.join("deed.toml")),
        shell(path)
    )
}

pub(super) fn steps(path: &Path, has_adapter: bool) -> Vec<String> {
    let dir = shell(path);
    let [config, wasm, key] = ["deed.toml", "adapters/scim.wasm", "approvers/bob.key"]
        .map(|name| shell(&path.join(name)));
    let mut steps = vec![
        format!(
            "in {config}, set base_url of [tenant.main.upstream.idp] to your SCIM service, and \
             origin of [log] to a name that you own"
        ),
        format!("deed secret set {dir} idp-read    (its token for reading, on stdin)"),
        format!("deed secret set {dir} idp-write   (its token for writing, on stdin)"),
    ];
    if !has_adapter {
        steps.push(format!("copy the adapter to {wasm}, then: deed pin {dir}"));
    }
    steps.push(format!("deed check {dir} && deed serve {dir}"));
    steps.push(
        "DEED_TOKEN=<helpdesk's> deed act idp.restore_access --param user_id=<id> --intent \"try it out\" \
         --source ticket:1   (for a user with active = false)"
            .to_owned(),
    );
    steps.push(format!(
        "DEED_TOKEN=<bob's> deed approve <the id it prints> --key {key} --person bob --role support-lead"
    ));
    steps
}
