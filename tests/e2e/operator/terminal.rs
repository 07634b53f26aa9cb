//! What commands write to a terminal: names from files control nothing, and the next command can be pasted.

use std::fs;

use deed_tests::world::{World, edit};

use super::deed;
use crate::shared::scim;

/// A name, as TOML spells it, and as it is shown.
const HOSTILE: [[&str; 2]; 3] = [
    ["x\\u001b[2K\\u001b[1A", "x\\u{1b}[2K\\u{1b}[1A"],
    ["x\\u009b31m", "x\\u{9b}31m"],
    ["x\\u202efile", "x\\u{202e}file"],
];

#[test]
fn names_from_the_configuration_control_no_terminal() {
    for [toml, shown] in HOSTILE {
        let world = World::lay_out(scim(), "scim").unwrap();
        let table = format!("[tenant.acme.secret.\"{toml}\"]\nfile = \"secrets/{toml}\"\n\n");
        let before = "[tenant.acme.upstream.idp]";
        edit(&world.dir, "deed.toml", before, &format!("{table}{before}")).unwrap();
        let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
        let tenant = format!("{text}\n[tenant.\"{toml}\"]\npolicies = []\n");
        for (text, args) in [
            (&text, &["secret", "set", world.path(), "idp_read"][..]),
            (&text, &["secret", "set", world.path(), "idp_reed"]),
            (&tenant, &["policy", "schema", world.path()]),
            (&tenant, &["policy", "schema", world.path(), "--tenant", "other"]),
        ] {
            fs::write(world.dir.join("deed.toml"), text).unwrap();
            let output = deed_tests::host::run(args, "a-credential-of-the-operator").unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            let raw = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!errors.contains(raw), "{args:?}: {errors:?}");
            assert!(errors.contains(shown), "{args:?}: {errors}");
        }
    }
    let (code, _, errors) = deed(&["policy", "schema", "/nowhere/\u{1b}[2K"]);
    assert!(code == 1 && !errors.contains('\u{1b}'), "{errors:?}");
}
