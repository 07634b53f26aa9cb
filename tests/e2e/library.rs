//! Tests of the library of contracts: every action of a system, on its server and under the policy of its folder.

mod idp;
mod mailman;
mod rabbitmq;
mod redmine;
mod registry;
mod stripe;

use std::fs;

use deed_test_support::stories::{self, Row};
use deed_tests::host;
use deed_tests::out::say;
use deed_tests::services::docker_registry::DockerRegistry;
use deed_tests::services::mailman::Mailman;
use deed_tests::services::rabbitmq::RabbitMq;
use deed_tests::services::redmine::Redmine;
use deed_tests::services::workspace;

const FOLDERS: [&str; 6] = ["idp", "stripe", "rabbitmq", "registry", "redmine", "mailman"];

/// The systems of Debian packages: whether the server is installed, and the stories.
type Packaged = (&'static str, fn() -> bool, fn() -> Vec<Row>);
const PACKAGED: [Packaged; 4] = [
    ("rabbitmq", RabbitMq::installed, rabbitmq::stories),
    ("registry", DockerRegistry::installed, registry::stories),
    ("redmine", Redmine::installed, redmine::stories),
    ("mailman", Mailman::installed, mailman::stories),
];

/// The stories on servers of Python packages, so that every test run has them.
fn light() -> Vec<Row> {
    [idp::stories(), stripe::stories()].concat()
}

#[test]
fn every_action_of_the_library_is_verified_on_its_server() {
    say(&stories::table("library", &light()));
}

/// The same stories as a part of `make systems`, whose table has the installed systems of Debian packages too.
#[test]
#[ignore = "is a part of `make systems`"]
fn every_action_of_every_system_is_verified_on_its_server() {
    let mut rows = light();
    for (system, installed, tell) in PACKAGED {
        if installed() {
            rows.extend(tell());
        } else {
            say(&format!("systems: no stories of {system}, which is not installed"));
        }
    }
    say(&stories::table("systems", &rows));
}

#[test]
fn the_cases_of_every_contract_of_the_library_hold() {
    for system in FOLDERS {
        let contracts = stories::contracts(system).unwrap();
        assert!(!contracts.is_empty(), "{system}");
        for (name, _) in contracts {
            let file = stories::folder(system).join(format!("{name}.toml"));
            if file.with_extension("cases.toml").exists() {
                let said = host::expect(&["contract", "test", file.to_str().unwrap()]).unwrap();
                assert!(said.ends_with(" 0 differ\n"), "{said}");
            }
        }
    }
}

/// A folder has a page, and the page and `docs/library.md` name every contract.
#[test]
fn the_pages_of_the_library_name_every_contract() {
    let all = fs::read_to_string(workspace().join("docs/library.md")).unwrap();
    for system in FOLDERS {
        let own = fs::read_to_string(stories::folder(system).join("README.md")).unwrap();
        assert!(all.contains(&format!("contracts/{system}/README.md")), "{system}");
        for (name, _) in stories::contracts(system).unwrap() {
            assert!(all.contains(&format!("`{name}`")), "docs/library.md lacks `{name}`");
            assert!(own.contains(&format!("`{name}`")), "{system}/README.md lacks `{name}`");
        }
    }
}
