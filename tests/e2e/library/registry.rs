//! Stories on `docker-registry`, a registry of container images.

use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::services::docker_registry::DockerRegistry;
use serde_json::json;

const UPSTREAM: &str = r#"
[tenant.acme.upstream.registry]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "registry_read", slot = { basic = { user = "reader" } } }
write = { secret = "registry_write", slot = { basic = { user = "writer" } } }

[tenant.acme.secret.registry_read]
file = "secrets/registry_read"

[tenant.acme.secret.registry_write]
file = "secrets/registry_write"
"#;

const READ: &str = DockerRegistry::READ_PASSWORD;
const WRITE: &str = DockerRegistry::WRITE_PASSWORD;

fn served(registry: &DockerRegistry, read: &str, write: &str) -> Stories {
    let upstream = UPSTREAM.replace("@base@", &registry.base_url());
    Stories::start("registry", &upstream, &[("registry_read", read), ("registry_write", write)])
}

/// The tags of the repository `app`, and whether this image is there.
fn told(registry: &DockerRegistry, image: &str) -> String {
    let tags = registry.tags("app").unwrap().join(" and ");
    let has = registry.has("app", image).unwrap();
    format!("{tags}, {}", if has { "with the image" } else { "without the image" })
}

pub(super) fn stories() -> Vec<Row> {
    let registry = DockerRegistry::guarded().unwrap();
    let image = registry.push("app", "1.0", "alice").unwrap();
    registry.push("app", "2.0", "bob").unwrap();
    let mut images = served(&registry, READ, WRITE);
    let (before, after) = ("1.0 and 2.0, with the image", "2.0, without the image");
    let delete = Change { before, after, approvals: 2 };
    let params = json!({"repository": "app", "tag": "1.0", "digest": image});
    images.verified("delete_manifest", params, delete, &|| told(&registry, &image));
    images.rows()
}

/// The tag belongs to another image than the digest, and a tag is kept, also if another tag has the same image.
#[test]
#[ignore = "needs docker-registry; run `make systems`"]
fn only_the_image_that_people_see_is_deleted() {
    let registry = DockerRegistry::guarded().unwrap();
    let image = registry.push("app", "1.0", "alice").unwrap();
    let latest = registry.push("app", "latest", "bob").unwrap();
    let images = served(&registry, READ, WRITE);
    let said = || told(&registry, &image);
    let params =
        |tag: &str, digest: &str| json!({"repository": "app", "tag": tag, "digest": digest});
    let other = "pre.manifest.config.digest == pre.tagged.config.digest";
    images.fails("delete_manifest", params("1.0", &latest), ["denied", other], &said);
    let kept = "forbidden by `registry-keep-tags`";
    images.fails("delete_manifest", params("latest", &latest), ["denied", kept], &said);
    assert_eq!(registry.push("app", "tmp", "bob").unwrap(), latest);
    let same = ["denied", "pre.latest.config.digest"];
    images.fails("delete_manifest", params("tmp", &latest), same, &said);
}

/// By default, the registry answers the tag of a list of images with one of the images.
#[test]
#[ignore = "needs docker-registry; run `make systems`"]
fn an_image_of_a_list_is_not_taken_for_the_list() {
    let registry = DockerRegistry::guarded().unwrap();
    let image = registry.push("app", "1.0-amd64", "alice").unwrap();
    let list = registry.push_list("app", "1.0", &image).unwrap();
    let images = served(&registry, READ, WRITE);
    let said = || format!("{}, {}", told(&registry, &image), told(&registry, &list));
    let params =
        |tag: &str, digest: &str| json!({"repository": "app", "tag": tag, "digest": digest});
    let unread = |state: &str| format!("required field `/{state}/config` is missing");
    images.fails("delete_manifest", params("1.0", &image), ["failed", &unread("tagged")], &said);
    images.fails("delete_manifest", params("1.0", &list), ["failed", &unread("manifest")], &said);
    registry.push_list("app", "stable", &image).unwrap();
    let part = ["denied", "pre.stable.manifests.all"];
    images.fails("delete_manifest", params("1.0-amd64", &image), part, &said);
}

/// The password that may write is refused, and then the password that may read. Each reason names the permission.
#[test]
#[ignore = "needs docker-registry; run `make systems`"]
fn a_user_without_its_permission_is_named_with_the_permission() {
    let registry = DockerRegistry::guarded().unwrap();
    let image = registry.push("app", "1.0", "alice").unwrap();
    let wrong = "registry-password-that-nobody-has";
    let (read, write) = ("repository: pull", "repository: delete");
    for (passwords, kind, permission) in
        [([READ, wrong], "write", write), ([wrong, WRITE], "read", read)]
    {
        let [read, write] = passwords;
        let images = served(&registry, read, write);
        let reason = format!(
            "the `{kind}` credential of upstream `registry` is not valid, or lacks the permission `{permission}`"
        );
        let params = json!({"repository": "app", "tag": "1.0", "digest": image});
        let said = || told(&registry, &image);
        images.fails("delete_manifest", params, ["failed", &reason], &said);
    }
}
