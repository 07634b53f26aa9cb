//! The example `declared`: contracts for a SCIM service that need no adapter file, and an upstream without credentials.

use std::path::Path;

use super::Example;
use crate::cli::out::shell;

pub(super) const FILES: Example = Example {
    config: include_str!("declared.toml"),
    files: &[
        (
            "contracts/scim.create_user.toml",
            include_str!("../../../../../contracts/scim/create_user.toml"),
        ),
        (
            "contracts/scim.delete_user.toml",
            include_str!("../../../../../contracts/scim/delete_user.toml"),
        ),
        (
            "contracts/scim.find_user.toml",
            include_str!("../../../../../contracts/scim/find_user.toml"),
        ),
        ("policies/starter.cedar", include_str!("declared.cedar")),
    ],
};

pub(super) fn next(path: &Path) -> String {
    format!("deed check {}", shell(path))
}

pub(super) fn steps(path: &Path) -> Vec<String> {
    let (dir, key) = (shell(path), shell(&path.join("approvers/bob.key")));
    vec![
        format!("deed check {dir} && deed serve {dir}   (for a SCIM service on http://127.0.0.1:8000/v2)"),
        "DEED_TOKEN=<helpdesk's> deed act scim.create_user --param user_name=ann@example.com --intent \"try it out\""
            .to_owned(),
        format!(
            "DEED_TOKEN=<bob's> deed approve <the id it prints> --key {key} --person bob --role support-lead"
        ),
    ]
}
