//! Stories on RabbitMQ: virtual hosts, users, permissions, and a shovel whose target was down.

use deed_test_support::shared::declared;
use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::canary::Canary;
use deed_tests::services::rabbitmq::{RabbitMq, User};
use deed_tests::wait::until;
use serde_json::json;

use crate::rabbitmq::broker::UPSTREAMS;

/// The server to which the shovel moves messages.
const TARGET: &str = r#"
[tenant.acme.upstream.rabbitmq_target]
base_url  = "@target@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "target-monitor", slot = { basic = { user = "monitor" } } }

[tenant.acme.secret.target-monitor]
file = "secrets/target-monitor"
"#;

/// The password in the URIs of the shovel.
const MOVER: &str = "password-of-the-shovel-in-the-tests";
const ANNA: &str = "password-of-anna-in-the-tests";

fn served(source: &RabbitMq, target: &str) -> Stories {
    let users =
        [RabbitMq::MONITOR, RabbitMq::VHOST_ADMIN, RabbitMq::AUDITOR, RabbitMq::ACCESS_ADMIN];
    let mut secrets = users.map(|user| (user.name, user.password)).to_vec();
    secrets.push(("target-monitor", RabbitMq::MONITOR.password));
    let own = UPSTREAMS.replace("@base@", &source.base_url()).replace("\"2s\"", "\"5s\"");
    let upstreams = own + &TARGET.replace("@target@", target);
    Stories::start("rabbitmq", &upstreams, &secrets)
}

/// Gives a user these tags.
fn tag(rabbit: &RabbitMq, user: User, tags: &str) {
    let body = json!({"password": user.password, "tags": tags});
    rabbit.put(&format!("/users/{}", user.name), &body).unwrap();
}

/// Gives a user access to the default virtual host, with this pattern for all queues and exchanges.
fn admit(rabbit: &RabbitMq, user: &str, pattern: &str) {
    let body = json!({"configure": pattern, "write": pattern, "read": pattern});
    rabbit.put(&format!("/permissions/%2F/{user}"), &body).unwrap();
}

pub(super) fn stories() -> Vec<Row> {
    let (source, mut target) = (RabbitMq::start().unwrap(), RabbitMq::start().unwrap());
    let mut rabbit = served(&source, &target.base_url());
    rabbit.world.canaries.push(Canary::new("the password of the shovel", MOVER.as_bytes()));
    let hash = RabbitMq::password_hash([7, 91, 203, 44], ANNA);
    rabbit.world.canaries.push(Canary::private("the hash of a password", hash.as_bytes()));
    access(&mut rabbit, &source, &hash);
    sync(&mut rabbit, &source, &mut target);
    rabbit.rows()
}

/// A virtual host and a user with permissions on it, which are then deleted.
fn access(rabbit: &mut Stories, source: &RabbitMq, hash: &str) {
    let has = |path: &str, what: &str| {
        let found = source.get(path).unwrap().is_some();
        format!("{} {what}", if found { "a" } else { "no" })
    };
    let vhost = || has("/vhosts/orders", "virtual host");
    let user = || has("/users/anna", "user");
    let reads = || match source.get("/permissions/orders/anna").unwrap() {
        Some(found) => format!("reads {}", found["read"].as_str().unwrap()),
        None => "no permissions".to_owned(),
    };
    let add = Change { before: "no virtual host", after: "a virtual host", approvals: 1 };
    let params = json!({"vhost": "orders", "description": "of the tests"});
    rabbit.verified("create_vhost", params, add, &vhost);
    let add = Change { before: "no user", after: "a user", approvals: 1 };
    let params = json!({"user": "anna", "password_hash": hash, "tags": ["management"]});
    rabbit.verified("create_user", params, add, &user);
    assert!(source.admits("anna", ANNA).unwrap());
    let set = Change { before: "no permissions", after: "reads ^orders-", approvals: 1 };
    let params = |read: &str| {
        let (vhost, name) = ("orders", "anna");
        json!({"vhost": vhost, "user": name, "configure": "", "write": "", "read": read})
    };
    rabbit.verified("set_permissions", params("^orders-"), set, &reads);
    let forbidden = "forbidden by `rabbitmq-no-reserved-names`";
    rabbit.fails("set_permissions", params(r"^amq\.default$"), ["denied", forbidden], &reads);
    for all in [".*", "^", ".*.*", ".+|", "(.*)", ".*$", "^orders", "^orders-|", "^o.*-"] {
        let proposal = declared("rabbitmq.set_permissions", params(all));
        assert_eq!(rabbit.world.propose(&proposal).unwrap().status, 422, "{all}");
        assert_eq!(reads(), "reads ^orders-", "{all}");
    }
    own_users(rabbit, source);
    let delete = Change { before: "a user", after: "no user", approvals: 2 };
    rabbit.verified("delete_user", json!({"user": "anna"}), delete, &user);
    let delete = Change { before: "a virtual host", after: "no virtual host", approvals: 2 };
    rabbit.verified("delete_vhost", json!({"vhost": "orders"}), delete, &vhost);
}

/// No approval permits a change of the users of the host.
fn own_users(rabbit: &Stories, source: &RabbitMq) {
    let said = || {
        let user = source.get("/users/monitor").unwrap().is_some();
        let permissions = source.get("/permissions/orders/access-admin").unwrap();
        format!("{user}, {permissions:?}")
    };
    let forbidden = ["denied", "forbidden by `rabbitmq-leaves-the-users-of-the-host-alone`"];
    rabbit.fails("delete_user", json!({"user": RabbitMq::MONITOR.name}), forbidden, &said);
    let set = json!({
        "vhost": "orders", "user": RabbitMq::ACCESS_ADMIN.name,
        "configure": "", "write": "", "read": "",
    });
    rabbit.fails("set_permissions", set, forbidden, &said);
}

/// The target of a shovel stops, so messages wait in the source. When the target is back, the shovel is restarted.
fn sync(rabbit: &mut Stories, source: &RabbitMq, target: &mut RabbitMq) {
    shovel(source, target);
    source.publish("orders").unwrap();
    until("the message arrives", || target.messages("orders-copy").is_ok_and(|count| count == 1));
    target.stop();
    until("the shovel stops", || status(source) == "terminated");
    for _ in 0..3 {
        source.publish("orders").unwrap();
    }
    let params = json!({
        "vhost": "/", "shovel": "sync", "queue": "orders",
        "target_vhost": "/", "target_queue": "orders-copy",
    });
    let down = ["failed", "there is no answer of upstream `rabbitmq_target`"];
    rabbit.fails("restart_shovel", params.clone(), down, &|| status(source));

    target.resume().unwrap();
    let said = || {
        let waiting = source.messages("orders").unwrap();
        let arrived = target.messages("orders-copy").unwrap();
        format!("{}, {waiting} waiting, {arrived} arrived", status(source))
    };
    let (before, after) = ("terminated, 3 waiting, 1 arrived", "running, 0 waiting, 4 arrived");
    let restart = Change { before, after, approvals: 2 };
    rabbit.verified("restart_shovel", params, restart, &said);
}

/// Makes a shovel that does not restart by itself. The server returns the password in its URIs, and the fixture searches
/// for it in everything that the host wrote.
fn shovel(source: &RabbitMq, target: &RabbitMq) {
    for rabbit in [source, target] {
        rabbit.put("/users/mover", &json!({"password": MOVER, "tags": ""})).unwrap();
        admit(rabbit, "mover", ".*");
        admit(rabbit, RabbitMq::MONITOR.name, "^$");
    }
    admit(source, RabbitMq::VHOST_ADMIN.name, "^$");
    tag(source, RabbitMq::MONITOR, "monitoring,policymaker");
    source.put("/queues/%2F/orders", &json!({"durable": true})).unwrap();
    let value = json!({
        "src-protocol": "amqp091", "dest-protocol": "amqp091",
        "src-uri": source.amqp_uri("mover", MOVER), "src-queue": "orders",
        "dest-uri": target.amqp_uri("mover", MOVER), "dest-queue": "orders-copy",
        "ack-mode": "on-confirm", "reconnect-delay": 0,
    });
    source.put("/parameters/shovel/%2F/sync", &json!({ "value": value })).unwrap();
    let shown = source.get("/parameters/shovel/%2F/sync").unwrap().unwrap();
    assert!(shown["value"]["dest-uri"].as_str().unwrap().contains(MOVER));
}

fn status(source: &RabbitMq) -> String {
    let shovels = source.get("/shovels/vhost/%2F/sync").unwrap().unwrap_or_default();
    shovels[0]["state"].as_str().unwrap_or("no status").to_owned()
}

/// Users without the tag for an action. Each reason names the tag.
#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn a_user_without_its_tag_is_named_with_the_tag() {
    let source = RabbitMq::start().unwrap();
    let rabbit = served(&source, &source.base_url());
    let lacks = |kind: &str, upstream: &str, permission: &str| {
        format!(
            "the `{kind}` credential of upstream `{upstream}` is not valid, or lacks the permission `{permission}`"
        )
    };
    let said = || source.get("/vhosts/orders").unwrap().is_some().to_string();
    tag(&source, RabbitMq::MONITOR, "");
    let reason = lacks("read", "rabbitmq", "tag monitoring");
    rabbit.fails("create_vhost", json!({"vhost": "orders"}), ["failed", &reason], &said);
    tag(&source, RabbitMq::MONITOR, "monitoring");
    tag(&source, RabbitMq::VHOST_ADMIN, "management");
    let reason = lacks("write", "rabbitmq", "tag administrator");
    rabbit.fails("create_vhost", json!({"vhost": "orders"}), ["failed", &reason], &said);
    tag(&source, RabbitMq::AUDITOR, "monitoring");
    let reason = lacks("read", "rabbitmq_access", "tag administrator");
    rabbit.fails("delete_user", json!({"user": "anna"}), ["failed", &reason], &said);
}
