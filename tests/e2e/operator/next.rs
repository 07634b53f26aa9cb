//! Each command that is used to set up a host suggests the next command on stderr, unless a program reads the output.

use std::fs;
use std::path::Path;

use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::edit;

/// The suggestion on the last line of stderr.
fn next(args: &[&str], input: &str) -> Option<String> {
    let output = host::run(args, input).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {errors}");
    let last = errors.lines().last()?;
    Some(last.strip_prefix("next: ")?.to_owned())
}

#[test]
fn the_first_hour_can_be_typed_line_by_line() {
    let scratch = std::env::temp_dir().join(format!("deed-next-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let dir = scratch.join("ops").to_str().unwrap().to_owned();
    let adapter = workspace().join("target/adapters/scim.wasm").to_str().unwrap().to_owned();
    let value = "a-credential-of-sixteen-bytes-or-more";
    let set = |name: &str| format!("deed secret set {dir} {name}");
    let edit_first =
        format!("edit {dir}/deed.toml (base_url and origin), then `{}`", set("idp-read"));
    assert_eq!(next(&["init", &dir, "--adapter", &adapter], ""), Some(edit_first));
    assert_eq!(next(&["secret", "set", &dir, "idp-read"], value), Some(set("idp-write")));
    let check = Some(format!("deed check {dir}"));
    assert_eq!(next(&["secret", "set", &dir, "idp-write"], &format!("{value}-2")), check);
    assert_eq!(next(&["check", &dir], ""), Some(format!("deed serve {dir}")));
    edit(Path::new(&dir), "contracts/idp.read_user.toml", "1.0.0", "1.0.1").unwrap();
    assert_eq!(next(&["pin", &dir], ""), check);
    let trust = scratch.join("trust").to_str().unwrap().to_owned();
    let verify = format!("deed verify FILE.deed --trust {trust}");
    assert_eq!(next(&["trust", &dir, &trust], ""), Some(verify));
    let said = next(&["key", "new", &format!("{dir}/approvers/carol.key")], "").unwrap();
    assert!(said.contains("keys = [\"approvers/carol.pub\"]"), "{said}");
    assert!(said.ends_with(&format!("`deed check {dir}`")), "{said}");
    let said = next(&["key", "new", &format!("{}/dora.key", scratch.display())], "").unwrap();
    assert!(
        said.starts_with(&format!("cp {}/dora.pub DIR/approvers/, ", scratch.display())),
        "{said}"
    );
    let said = next(&["token", "new"], "").unwrap();
    assert!(said.ends_with("then `deed check DIR`"), "{said}");
    for args in [
        &["pin", &dir, "--json"][..],
        &["check", &dir, "--json"],
        &["token", "new", "--json"],
        &["key", "new", &format!("{dir}/approvers/eve.key"), "--json"],
        &["init", &format!("{}/other", scratch.display()), "--json"],
    ] {
        assert_eq!(next(args, ""), None, "{args:?}");
    }
    // If there is a fault, no next command is suggested because the fault's message states the remedy.
    fs::remove_file(format!("{dir}/secrets/idp-read")).unwrap();
    let output = host::run(&["check", &dir], "").unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
    fs::remove_dir_all(scratch).unwrap();
}
