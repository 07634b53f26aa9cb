//! The example `empty`: keys, an agent and a person, without contracts. Its policies permit nothing.

use std::path::Path;

use super::Example;
use crate::cli::out::shell;

pub(super) const FILES: Example = Example {
    config: include_str!("empty.toml"),
    files: &[("policies/starter.cedar", include_str!("empty.cedar"))],
};

pub(super) fn next(path: &Path) -> String {
    format!("deed check {}", shell(path))
}

pub(super) fn steps(path: &Path) -> Vec<String> {
    let dir = shell(path);
    let [contracts, config, policy] =
        ["contracts/", "deed.toml", "policies/starter.cedar"].map(|name| shell(&path.join(name)));
    vec![
        format!(
            "deed contract try FILE.toml --against URL   (a contract of yours; then copy it to {contracts}, add its \
             upstream and its grant to {config}, and a permit to {policy})"
        ),
        format!("deed pin {dir}"),
        format!("deed check {dir} && deed serve {dir}"),
    ]
}
