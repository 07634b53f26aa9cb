//! Credentials that give more access than they appear to, and secrets in the wrong place.

use std::fs;
use std::path::Path;

use deed_tests::services::ScimServer;
use deed_tests::world::HELPDESK;

use super::bench::{Bench, mode, replace};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "two-tenants-with-one-credential" => two_tenants_with_one_credential,
        "one-credential-in-two-slots" => one_credential_in_two_slots,
        "a-credential-that-nothing-needs" => a_credential_that_nothing_needs,
        "a-token-that-is-a-credential" => a_token_that_is_a_credential,
        "a-secret-in-clear" => a_secret_in_clear,
        "a-secret-that-is-none" => a_secret_that_is_none,
        "secrets-in-the-environment" => secrets_in_the_environment,
        "a-signature-that-others-set" => a_signature_that_others_set,
        "a-webhook-that-goes-elsewhere" => a_webhook_that_goes_elsewhere,
    ]
}

/// The tenant `globex` with its own credential for its upstream, from `source`.
fn globex(dir: &Path, source: &str) {
    let upstream = "[tenant.globex.upstream.idp]\n";
    let secret = format!("[tenant.globex.secret.theirs]\n{source}\n\n{upstream}");
    let text = format!("{secret}read = {{ secret = \"theirs\", slot = \"bearer\" }}\n");
    replace(dir, "deed.toml", upstream, &text);
}

fn store(dir: &Path, name: &str, value: &str) {
    deed_tests::world::store(dir, name, value).unwrap();
}

fn two_tenants_with_one_credential() {
    let mut bench = Bench::new();
    let fragments = ["deed.toml:", "`acme`", "`globex`", "the same credential", "use one for each"];
    bench.warned("one file", |dir| globex(dir, "file = \"secrets/idp_read\""), &fragments);
    let copied = |dir: &Path| {
        globex(dir, "file = \"secrets/theirs\"");
        store(dir, "theirs", ScimServer::READ_TOKEN);
    };
    bench.warned("one value", copied, &fragments);
    let own = |dir: &Path| {
        globex(dir, "file = \"secrets/theirs\"");
        store(dir, "theirs", "scim-read-token-of-globex-alone");
    };
    bench.taken("its own", own, "the same credential");
}

fn one_credential_in_two_slots() {
    let mut bench = Bench::new();
    let write = "write = { secret = \"idp_write\"";
    let same = |dir: &Path| replace(dir, "deed.toml", write, "write = { secret = \"idp_read\"");
    let fragments = ["deed.toml:", "`idp`", "reads and writes with one credential"];
    bench.warned("read and write", same, &fragments);
    let copied = |dir: &Path| store(dir, "idp_write", ScimServer::READ_TOKEN);
    bench.warned("read and write, by value", copied, &fragments);
    let upstream = "[tenant.acme.upstream.idp]\n";
    let crm = |dir: &Path| {
        let other = "[tenant.acme.upstream.crm]\nbase_url = \"https://crm.example/v1\"\n\
            addresses = [\"public\"]\nread = { secret = \"idp_read\", slot = \"bearer\" }\n\n";
        replace(dir, "deed.toml", upstream, &format!("{other}{upstream}"));
    };
    let fragments = ["deed.toml:", "`crm`", "`idp`", "the same credential"];
    bench.warned("two upstreams", crm, &fragments);
    let hook = |dir: &Path| {
        let notify = "[notify]\nurl = \"https://hooks.example/x\"\nsecret = { file = \"secrets/idp_write\" }\n\n";
        replace(dir, "deed.toml", "[tenant.acme]\n", &format!("{notify}[tenant.acme]\n"));
    };
    let fragments = ["deed.toml:", "[notify]", "the same credential"];
    bench.warned("the webhook", hook, &fragments);
    let hook = |dir: &Path| agents_webhook(dir, "https://hooks.example/x");
    let fragments =
        ["deed.toml:", "the webhook of agent `helpdesk` of `acme`", "the same credential"];
    bench.warned("the webhook of an agent", hook, &fragments);
}

/// Adds a webhook of an agent, with the write credential of the upstream as its secret.
fn agents_webhook(dir: &Path, url: &str) {
    let person = "[tenant.acme.person.alice]\n";
    let table = format!(
        "[tenant.acme.agent.helpdesk.notify]\nurl = \"{url}\"\nsecret = {{ file = \"secrets/idp_write\" }}\n\n"
    );
    replace(dir, "deed.toml", person, &format!("{table}{person}"));
}

fn a_credential_that_nothing_needs() {
    let mut bench = Bench::new();
    let unused = |dir: &Path| {
        let table = "[tenant.acme.secret.spare]\nfile = \"secrets/idp_read\"\n\n[tenant.globex]\n";
        replace(dir, "deed.toml", "[tenant.globex]\n", table);
    };
    let spare = |dir: &Path| {
        let text = fs::read_to_string(dir.join("contracts/read_user.toml")).unwrap();
        let text = text.replace("\"idp.read_user\"", "\"idp.spare\"");
        fs::write(dir.join("contracts/spare.toml"), text).unwrap();
    };
    let fragments = ["contracts/spare.toml", "no tenant has a grant for `idp.spare`"];
    bench.warned("a contract", spare, &fragments);
    bench.warned("a secret", unused, &["deed.toml:", "`spare`", "no upstream uses secret"]);
    let reads = |dir: &Path| {
        for contract in ["idp.restore_access", "idp.suspend_user"] {
            let grant = format!("[tenant.acme.grant.\"{contract}\"]\n");
            let text = fs::read_to_string(dir.join("deed.toml")).unwrap();
            let (before, from) = text.split_once(&grant).unwrap();
            let (_, after) = from.split_once("\n\n").unwrap();
            fs::write(dir.join("deed.toml"), [before, after].concat()).unwrap();
        }
        // The starter policies are replaced, because they name all three contracts.
        fs::write(
            dir.join("policies/all.cedar"),
            "@id(\"all\") permit(principal, action, resource);\n",
        )
        .unwrap();
        replace(
            dir,
            "deed.toml",
            "[tenant.acme]\npolicies = [\"policies/starter.cedar\"]",
            "[tenant.acme]\npolicies = [\"policies/all.cedar\"]",
        );
    };
    let fragments = ["deed.toml:", "`idp`", "`write`", "no granted contract writes"];
    bench.warned("to write where all is read", reads, &fragments);
}

/// A caller's token that is also a credential is refused, because the caller could reach the upstream without the host.
fn a_token_that_is_a_credential() {
    let mut bench = Bench::new();
    let fragments = ["deed.toml:", "helpdesk", "is also a credential", "`deed token new`"];
    bench.refused("by value", |dir| store(dir, "idp_write", HELPDESK), &fragments);
}

fn a_secret_in_clear() {
    let mut bench = Bench::new();
    let value = "a-value-that-belongs-in-a-file";
    let table = "[tenant.acme.secret.idp_read]\nfile = \"secrets/idp_read\"\n";
    for (name, text) in [
        ("a table of texts", format!("[tenant.acme.secret]\nidp_read = \"{value}\"\n")),
        ("an inline value", format!("[tenant.acme.secret.idp_read]\nvalue = \"{value}\"\n")),
        ("a list", format!("[tenant.acme.secret]\nidp_read = [\"{value}\"]\n")),
        ("a multi-line text", format!("[tenant.acme.secret]\nidp_read = \"\"\"{value}\"\"\"\n")),
        (
            "the value for the variable",
            format!("[tenant.acme.secret.idp_read]\nenv = \"{value}\"\n"),
        ),
        ("both sources", format!("{table}env = \"{value}\"\n")),
    ] {
        let attack = |dir: &Path| replace(dir, "deed.toml", table, &text);
        let said = bench.refused(name, attack, &["deed.toml:"]);
        assert!(!said.contains(value), "{name}: the fault shows the value: {said}");
    }
    for (name, text) in [
        ("for the credential", format!("read = \"{value}\"")),
        ("for the slot", format!("read = {{ secret = \"idp_read\", slot = \"{value}\" }}")),
        (
            "for the slot's user",
            format!("read = {{ secret = \"idp_read\", slot = {{ {value} = 1 }} }}"),
        ),
        ("for a key", format!("read = {{ secret = \"idp_read\", {value} = \"bearer\" }}")),
    ] {
        let good = "read = { secret = \"idp_read\", slot = \"bearer\" }";
        let attack = |dir: &Path| replace(dir, "deed.toml", good, &text);
        let said = bench.refused(name, attack, &["deed.toml:"]);
        assert!(!said.contains(value), "{name}: the fault shows the value: {said}");
    }
    let name = |dir: &Path| {
        replace(dir, "deed.toml", "{ secret = \"idp_read\"", &format!("{{ secret = \"{value}\""));
    };
    let said = bench.refused("for its name", name, &["deed.toml:", "is missing"]);
    assert!(!said.contains(value), "the fault shows the value: {said}");
    let url = |dir: &Path| {
        let text = fs::read_to_string(dir.join("deed.toml")).unwrap();
        let base = text.lines().find(|line| line.starts_with("base_url")).unwrap();
        replace(dir, "deed.toml", base, &base.replace("://", &format!("://user:{value}@")));
    };
    let said = bench.refused("in the URL", url, &["deed.toml:", "belong in a secret"]);
    assert!(!said.contains(value), "the fault shows the value: {said}");
}

fn a_secret_that_is_none() {
    let mut bench = Bench::new();
    let long = "x".repeat(20_000);
    for (value, why) in [
        ("", "shorter than 16 bytes"),
        ("short", "shorter than 16 bytes"),
        ("fifteen-bytes-x\n", "shorter than 16 bytes"),
        ("two-lines-of-a-secret\nand-another-line", "one line of text"),
        ("an-injected-header\r\nx-admin: true", "one line of text"),
        ("a-nul-in-the-middle\0of-a-secret", "one line of text"),
        (&long, "longer than 16 KiB"),
    ] {
        let attack = |dir: &Path| {
            fs::write(dir.join("secrets/idp_read"), value).unwrap();
            mode(&dir.join("secrets/idp_read"), 0o600);
        };
        let said = bench.refused(why, attack, &["deed.toml:", "secret `idp_read`", why]);
        assert!(value.len() < 8 || !said.contains(value), "{said}");
    }
}

fn secrets_in_the_environment() {
    let mut bench = Bench::new();
    for variable in ["DEED_TEST_NOT_SET", "", "=", "A=B", "A\\u0000B"] {
        let to = format!("env = \"{variable}\"");
        let attack = |dir: &Path| replace(dir, "deed.toml", "file = \"secrets/idp_read\"", &to);
        bench.refused(
            variable,
            attack,
            &["deed.toml:", "secret `idp_read`", "environment variable"],
        );
    }
    // Environment variables that every process has are refused as secrets.
    for variable in ["PATH", "HOME", "PWD", "DEED_LOG", "DEED_TOKEN", "LD_PRELOAD"] {
        let to = format!("env = \"{variable}\"");
        let attack = |dir: &Path| replace(dir, "deed.toml", "file = \"secrets/idp_read\"", &to);
        let said = bench.refused(variable, attack, &["deed.toml:", "secret `idp_read`", variable]);
        assert!(!said.contains("/usr/bin"), "{said}");
    }
    // A secret from an environment variable is hidden in the same way as a secret from a file.
    let value = "scim-read-token-from-the-environment";
    let file = "file = \"secrets/idp_read\"";
    replace(bench.dir(), "deed.toml", file, "env = \"DEED_TEST_IDP_READ\"");
    bench.keep();
    bench
        .world
        .canaries
        .push(deed_tests::canary::Canary::new("from the environment", value.as_bytes()));
    bench.world.serve_with(&[("DEED_TEST_IDP_READ", value), ("DEED_LOG", "trace")]).unwrap();
    let proposal = deed_tests::world::World::proposal(
        "idp.read_user",
        &deed_test_support::shared::locked_out(),
    );
    // The directory service does not know the token from the environment, so the observation fails. The reason must not
    // reveal the token.
    let view = bench.world.propose(&proposal).unwrap().json();
    assert_ne!(view["status"], "verified", "{view}");
    assert_eq!(bench.world.leaks(), []);
}

fn a_webhook_that_goes_elsewhere() {
    let mut bench = Bench::new();
    for url in [
        "http://hooks.example/x",
        "http://127.0.0.1:80@hooks.example/x",
        "http://127.0.0.1:x@hooks.example/x",
        "https://user:a-password-in-the-url@hooks.example/x",
        "http://127.0.0.1.hooks.example/x",
        "http://127.0.0.1:8080.hooks.example/x",
        "https://",
        "https:///x",
        "file:///etc/passwd",
        "https://hooks.example/x#fragment",
        "https://hooks .example/x",
        "",
    ] {
        let attack = |dir: &Path| {
            let notify = format!(
                "[notify]\nurl = \"{url}\"\nsecret = {{ file = \"secrets/idp_write\" }}\n\n"
            );
            replace(dir, "deed.toml", "[tenant.acme]\n", &format!("{notify}[tenant.acme]\n"));
        };
        let said = bench.refused(url, attack, &["deed.toml:", "`url` under [notify]"]);
        assert!(!said.contains("a-password"), "{said}");
        let fragments = ["deed.toml:", "`url` under [tenant.acme.agent.helpdesk.notify]"];
        let said = bench.refused(url, |dir| agents_webhook(dir, url), &fragments);
        assert!(!said.contains("a-password"), "{said}");
    }
    bench.well();
}

/// The headers of a signature are set by the host alone. A secret in place of a field of the slot is not shown.
fn a_signature_that_others_set() {
    let mut bench = Bench::new();
    let slot = |key_id: &str, region: &str, service: &str| {
        let fields =
            format!("key_id = \"{key_id}\", region = \"{region}\", service = \"{service}\"");
        format!("slot = {{ sigv4 = {{ {fields} }} }}")
    };
    let (bearer, id) = ("slot = \"bearer\"", "AKIAIOSFODNN7EXAMPLE");
    let signed = |dir: &Path| replace(dir, "deed.toml", bearer, &slot(id, "us-east-1", "iam"));
    bench.taken("a signature", signed, "sigv4");
    let classes = "addresses = [\"loopback\"]";
    for line in [
        "allow_headers = [\"X-Amz-Date\"]",
        "allow_headers = [\"x_amz_date\"]",
        "allow_headers = [\"Authorization\"]",
        "headers = { X-Amz-Content-Sha256 = \"UNSIGNED-PAYLOAD\" }",
        "headers = { x-amz-security-token = \"of-another\" }",
    ] {
        let attack = |dir: &Path| {
            signed(dir);
            replace(dir, "deed.toml", classes, &format!("{classes}\n{line}"));
        };
        bench.refused(line, attack, &["deed.toml:", "cannot be set"]);
    }
    let key = |dir: &Path| {
        signed(dir);
        let line = "idempotency = { header = \"X-Amz-Date\", window = \"1h\" }";
        replace(dir, "deed.toml", classes, &format!("{classes}\n{line}"));
    };
    bench.refused("the header of the idempotency key", key, &["deed.toml:", "something else"]);
    let value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    for (name, slot) in [
        ("for the id", slot(value, "us-east-1", "iam")),
        ("for the region", slot(id, value, "iam")),
        ("for the service", slot(id, "us-east-1", value)),
        ("a scope in the region", slot(id, "us-east-1/s3", "iam")),
    ] {
        let attack = |dir: &Path| replace(dir, "deed.toml", bearer, &slot);
        let said = bench.refused(name, attack, &["deed.toml:", "of `sigv4` must be"]);
        assert!(!said.contains(value), "{name}: the fault shows the value: {said}");
    }
    bench.well();
}
