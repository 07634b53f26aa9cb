//! Stories on `scim2-server`, a SCIM 2.0 directory.

use deed_test_support::shared::{fresh_name, scim};
use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::services::ScimServer;
use serde_json::{Value, json};

/// What the directory says about the user with this sign-in name.
fn named(name: &str) -> String {
    match scim().users_named(name).unwrap().as_slice() {
        [] => "no user".to_owned(),
        [user] => told(user),
        more => format!("{} users", more.len()),
    }
}

fn told(user: &Value) -> String {
    let shown = user["displayName"].as_str().unwrap_or("no name");
    let access = user["active"].as_bool().unwrap_or_default();
    format!("{shown}, {}", if access { "active" } else { "suspended" })
}

fn sets_active(user: &str, active: bool) {
    let operation = json!([{"op": "replace", "path": "active", "value": active}]);
    scim().patch(user, &operation).unwrap();
}

pub(super) fn stories() -> Vec<Row> {
    let mut idp = Stories::start("idp", "", &[]);
    let (name, renamed) = (fresh_name(), fresh_name());
    let id = invited(&mut idp, &name);
    membership(&mut idp, &id, &name);
    access(&mut idp, &id, &name);
    let said = || format!("{}; {}", named(&name), named(&renamed));
    let params = json!({
        "user_id": id, "user_name": name, "new_user_name": renamed, "new_display_name": "Zoe Miller",
    });
    let change = Change {
        before: "Zoe, active; no user",
        after: "no user; Zoe Miller, active",
        approvals: 1,
    };
    idp.verified("rename_user", params, change, &said);
    sets_active(&id, false);
    let params = json!({"user_id": id, "user_name": renamed});
    let change = Change { before: "Zoe Miller, suspended", after: "no user", approvals: 2 };
    idp.verified("deprovision_user", params, change, &|| named(&renamed));
    idp.rows()
}

/// Invites and reads a user. Returns the id.
fn invited(idp: &mut Stories, name: &str) -> String {
    let params = json!({"user_name": name, "display_name": "Zoe"});
    let change = Change { before: "no user", after: "Zoe, active", approvals: 1 };
    let view = idp.verified("invite_user", params, change, &|| named(name));
    let id = view["outputs"]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(scim().users_named(name).unwrap()[0]["id"], json!(id));
    let change = Change { before: "Zoe, active", after: "Zoe, active", approvals: 0 };
    idp.verified("read_user", json!({"user_id": id}), change, &|| named(name));
    id
}

fn membership(idp: &mut Stories, id: &str, name: &str) {
    let other = scim().create_user(&fresh_name(), Some(true)).unwrap();
    let title = fresh_name();
    let group = scim().create_group(&title, &[&other]).unwrap();
    let params = json!({"group_id": group, "group_name": title, "user_id": id, "user_name": name});
    let said = || {
        let members = scim().members(&group).unwrap();
        let is_member = members.iter().any(|member| member == id);
        format!("{} members, {}", members.len(), if is_member { "with Zoe" } else { "without Zoe" })
    };
    let (without, with) = ("1 members, without Zoe", "2 members, with Zoe");
    let add = Change { before: without, after: with, approvals: 1 };
    idp.verified("add_to_group", params.clone(), add, &said);
    let remove = Change { before: with, after: without, approvals: 1 };
    idp.verified("remove_from_group", params, remove, &said);
}

fn access(idp: &mut Stories, id: &str, name: &str) {
    let (active, suspended) = ("Zoe, active", "Zoe, suspended");
    let suspend = Change { before: active, after: suspended, approvals: 1 };
    idp.verified("suspend_user", json!({"user_id": id}), suspend, &|| named(name));
    let restore = Change { before: suspended, after: active, approvals: 1 };
    idp.verified("restore_access", json!({"user_id": id}), restore, &|| named(name));
}

/// The token that may write is refused, and then the token that may read too. Each reason names what is missing.
#[test]
fn a_token_without_its_permission_is_named_with_the_permission() {
    let name = fresh_name();
    let id = scim().create_user(&name, Some(false)).unwrap();
    let delete = || json!({"user_id": id, "user_name": name});
    let wrong = "scim-token-that-nobody-issued";
    let idp = Stories::start("idp", "", &[("idp_write", wrong)]);
    let said = || named(&name);
    let lacks = "the `write` credential of upstream `idp` is not valid, or lacks";
    let write = format!("{lacks} the permission `users: write`");
    idp.fails("deprovision_user", delete(), ["failed", &write], &said);
    // A contract of format 1 cannot name a permission.
    let unnamed = format!("{lacks} a permission");
    idp.fails("restore_access", json!({"user_id": id}), ["failed", &unnamed], &said);

    let secrets = [("idp_read", wrong), ("idp_write", ScimServer::WRITE_TOKEN)];
    let idp = Stories::start("idp", "", &secrets);
    let read = "the `read` credential of upstream `idp` is not valid, or lacks the permission `users: read`";
    idp.fails("deprovision_user", delete(), ["failed", read], &said);
}

/// A user with access is not deleted, and groups of administrators are out of reach, whoever approves.
#[test]
fn what_cannot_be_undone_is_limited() {
    let name = fresh_name();
    let id = scim().create_user(&name, Some(true)).unwrap();
    let group = scim().create_group("Administrators", &[]).unwrap();
    let idp = Stories::start("idp", "", &[]);
    let said = || named(&name);
    let params = json!({"user_id": id, "user_name": name});
    idp.fails("deprovision_user", params, ["denied", "!pre.user.active"], &said);
    let params = json!({
        "group_id": group, "group_name": "Administrators", "user_id": id, "user_name": name,
    });
    let members = || scim().members(&group).unwrap().len().to_string();
    let forbidden = "forbidden by `idp-no-administrators`";
    idp.fails("add_to_group", params, ["denied", forbidden], &members);
}
