//! Tests of `deed contract explain`: the requests of a contract, the origin of each value, and the bytes that are sent.

use std::fs;

use deed_record::contract::Contract;
use deed_tests::host::expect;
use deed_tests::services::workspace;
use serde_json::{Value, json};

use super::{deed, file};

#[test]
fn a_computed_value_that_no_condition_compares_is_told() {
    let text = fs::read_to_string(file("examples/11_write_article.toml")).unwrap();
    let id = "properties.id     = { type = \"string\", maxLength = 40 }\n";
    let title = format!("{id}properties.title = {{ type = \"string\" }}\n");
    let shown = text.replacen(id, &title, 1);
    let compared = shown.replacen(
        "after      = [\n",
        "after      = [\n    \"post.article != null && has(post.article.title) && post.article.title == 'A'\",\n",
        1,
    );
    assert!(shown != text && compared != shown);
    let copy = std::env::temp_dir().join(format!("deed-unverified-{}.toml", std::process::id()));
    let cases = file("examples/11_write_article.cases.toml");
    for (text, is_told) in [(&text, false), (&shown, true), (&compared, false)] {
        fs::write(&copy, text).unwrap();
        let copy = copy.to_str().unwrap();
        let line = text.lines().position(|line| line.starts_with("title  = { any")).unwrap() + 1;
        let told = format!(
            "{copy}:{line}: no condition of `after` compares `/article/title`, which the adapter"
        );
        let (code, _, errors) = deed(&["contract", "explain", copy, "--param", "ticket=7"]);
        assert_eq!((code, errors.contains(&told)), (0, is_told), "{errors}");
        let (_, _, errors) = deed(&["contract", "test", copy, "--cases", &cases]);
        assert_eq!(errors.contains(&told), is_told, "{errors}");
    }
    fs::remove_file(copy).unwrap();
}

/// A contract whose write sends a value of the state and a fraction.
const STATEFUL: &str = r#"
format = 2
[action]
name     = "a.b"
version  = "1.0.0"
title    = "Try"
verb     = "update"
mode     = "write"
effect   = "observable"
resource = "a/x"
adapter  = "declared"
[params]
[state.user]
from     = "GET /u"
required = ["email", "on"]
properties.email = { type = "string" }
properties.on    = { type = "boolean" }
[[observe.http]]
upstream = "a"
request  = "GET /u"
[[perform.http]]
upstream  = "a"
request   = "PUT /u"
body_json = '{ "on": true, "email": "{pre.user.email}", "rate": 0.250 }'
[verify]
before     = ["!pre.user.on"]
after      = ["post.user.on"]
may_change = ["/user/on"]
"#;

#[test]
fn a_contract_is_explained_with_its_exact_requests_and_the_origin_of_each_value() {
    let create = file("scim/create_user.toml");
    let args = ["contract", "explain", &create, "--param", "user_name=zoe@example.com"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    for line in [
        "resource  idp/users/zoe%40example.com",
        "  idp GET /Users?filter=userName%20eq%20%22zoe%40example.com%22",
        "  idp POST /Users",
        "    content-type: application/scim+json",
        "    a status of [201] proves that this write created the state",
        "    literal text of the contract, except",
        "      body /externalId: id of the action, here an example",
        "      query filter: parameter user_name",
        "      body: parameter display_name, which is absent",
        "  pre.user == null",
    ] {
        assert!(said.contains(&format!("{line}\n")), "no `{line}`: {said}");
    }
    let report: Value =
        serde_json::from_str(&expect(&[&args[..], &["--json"]].concat()).unwrap()).unwrap();
    let body = &report["perform"][0]["rendered"]["body"];
    assert_eq!(body["userName"], "zoe@example.com");
    assert_eq!(body.get("displayName"), None, "{body}");
    let values = report["perform"][0]["values"].as_array().unwrap();
    let of = |written: &str| values.iter().find(|one| one["written"] == written).unwrap();
    assert_eq!(of("{action.id}")["at"], "/externalId");
    assert_eq!(of("{display_name?}").get("at"), None);
    assert_eq!(
        report["states"],
        json!([{
            "name": "user",
            "from": "GET /Users?filter=userName eq \"{user_name}\"",
            "may_be_absent": true
        }])
    );
}

/// With `--raw`, the requests are printed as the host sends them, and nothing else is printed.
#[test]
fn the_bytes_of_each_request_are_printed() {
    let create = file("scim/create_user.toml");
    let args = ["contract", "explain", &create, "--param", "user_name=zoe@example.com"];
    let (code, said, errors) = deed(&[&args[..], &["--raw"]].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    let agent = format!("user-agent: deed/{}", env!("CARGO_PKG_VERSION"));
    let look = [
        "# observe, upstream idp",
        "GET /Users?count=1 HTTP/1.1",
        "host: <host of idp>",
        "accept: application/scim+json",
        "accept-encoding: identity",
        "connection: close",
        &agent,
        "authorization: <credential of the upstream>",
        "",
    ];
    assert!(said.contains(&look.join("\n")), "{said}");
    let (head, body) =
        said.split_once("POST /Users HTTP/1.1\n").unwrap().1.split_once("\n\n").unwrap();
    let body = body.trim_end();
    assert!(body.starts_with("{\"externalId\":\"act_"), "{said}");
    for line in ["content-type: application/scim+json", &format!("content-length: {}", body.len())]
    {
        assert!(head.lines().any(|one| one == line), "no `{line}`: {said}");
    }
    let report = expect(&[&args[..], &["--json"]].concat()).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let raw = report["perform"][0]["raw"].as_str().unwrap();
    assert_eq!(raw.split_once("\r\n\r\n").unwrap().1, body);
    let (code, _, errors) = deed(&[&args[..], &["--raw", "--json"]].concat());
    assert!(code == 2 && errors.contains("cannot be used with"), "{errors}");
}

/// The states of `--state` take the place of the values that a write sends.
#[test]
fn the_values_of_a_state_are_filled_in() {
    let path = std::env::temp_dir().join(format!("deed-explain-{}.toml", std::process::id()));
    fs::write(&path, STATEFUL).unwrap();
    let args = ["contract", "explain", path.to_str().unwrap()];
    let said = expect(&args).unwrap();
    assert!(said.contains("\"email\": null"), "{said}");
    for line in [
        "      body /email: pre.user.email, the state before the action, here null; give it with --state",
        "    sent as a number: /rate",
    ] {
        assert!(said.lines().any(|one| one == line), "no `{line}`: {said}");
    }
    let state = ["--state", r#"user={"email":"a@example.com","on":false,"more":1}"#];
    let said = expect(&[&args[..], &state].concat()).unwrap();
    assert!(said.contains("\"email\": \"a@example.com\""), "{said}");
    assert!(said.contains("email: pre.user.email, the state before the action\n"), "{said}");
    let said = expect(&[&args[..], &state, &["--raw"]].concat()).unwrap();
    assert!(
        said.ends_with("\n{\"email\":\"a@example.com\",\"on\":true,\"rate\":0.25}\n"),
        "{said}"
    );
    for (state, why) in [
        ("user={\"on\":false}", "`/email` is required"),
        ("users={}", "declares the states `user`"),
        ("user=null", "does not allow that this state does not exist"),
    ] {
        let (code, said, errors) = deed(&[&args[..], &["--state", state]].concat());
        assert!(code == 2 && said.is_empty() && errors.contains(why), "no `{why}`: {errors}");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn what_cannot_be_explained_says_what_is_missing() {
    let create = file("scim/create_user.toml");
    for (params, why) in [
        (vec![], "add --param user_name=VALUE"),
        (vec!["--param", "user_name=a b"], "does not match the pattern"),
        (vec!["--param", "user_name=a", "--param", "other=1"], "other"),
        (vec!["--param", "user_name"], "NAME=VALUE"),
    ] {
        let (code, said, errors) = deed(&[&["contract", "explain", &create][..], &params].concat());
        assert!(code != 0 && said.is_empty() && errors.contains(why), "no `{why}`: {errors}");
    }
    let (code, _, errors) = deed(&["contract", "explain", "no-such.toml"]);
    assert!(code == 1 && errors.contains("`no-such.toml`"), "{errors}");
}

/// The values of private parameters are shown to the person who typed them, so that the requests are exact.
#[test]
fn a_contract_with_a_private_parameter_is_explained() {
    let (create, hash) = (file("rabbitmq/create_user.toml"), "a".repeat(48));
    let (hash, tags) = (format!("password_hash={hash}"), "tags=[\"monitoring\"]");
    let args = ["contract", "explain", &create, "--param", "user=ann", "--param", &hash];
    let (code, said, errors) = deed(&[&args[..], &["--param", tags]].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    assert!(said.contains(&format!("\"password_hash\": \"{}\"", "a".repeat(48))), "{said}");
    let (code, said, errors) = deed(&[&args[..6], &["password_hash=x", "--param", tags]].concat());
    assert!(code != 0 && errors.contains("password_hash"), "{said}{errors}");
}

/// Notes on values of answers, on the element of a list, and on what an observation after the write may use.
#[test]
fn an_explanation_says_how_requests_depend_on_answers() {
    let enroll = workspace().join("tests/support/src/enroll_user.toml");
    let args = ["contract", "explain", enroll.to_str().unwrap(), "--param", "user_name=zoe"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    for line in [
        "  idp GET /Users/{answer.create.id}",
        "      path {answer.create.id}: answer.create.id, known after the write",
        "    only the element with /userName = \"zoe\"",
        "    observations afterwards may use its answer as `create`",
        "open while",
        "  post.user == null",
        "  user = post.user.id",
    ] {
        assert!(said.contains(&format!("{line}\n")), "no `{line}`: {said}");
    }
}

/// A POST that only reads, with the line of the grant that permits it, and what counts as its answer.
#[test]
fn an_explanation_says_what_the_grant_must_permit() {
    let search = file("examples/05_find_customer_by_post.toml");
    let args = ["contract", "explain", &search, "--param", "email=ann@example.com"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    let text = fs::read_to_string(&search).unwrap();
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let digest = contract.reviewed(&contract.observe.http[0]).unwrap().to_string();
    for line in [
        "    only reads, although it is a POST: the grant must permit it with `safe`",
        "    the answer always has the whole list (`complete`)",
        "    a status of 2xx is an error if `has(answer.body.error)`",
        "    the host keeps no part of the answer",
        "the grant needs, if these requests only read for all parameters",
        &format!("  safe = {{ 'POST /customers/search' = '{digest}' }}"),
    ] {
        assert!(said.lines().any(|one| one == line), "no `{line}`: {said}");
    }
    let report: Value =
        serde_json::from_str(&expect(&[&args[..], &["--json"]].concat()).unwrap()).unwrap();
    assert_eq!(report["safe"], json!({"POST /customers/search": digest}));
    let (search, control) = (&report["observe"][0], &report["observe"][1]);
    assert_eq!((&search["reads"], &search["complete"]), (&json!(true), &json!(true)));
    assert_eq!(search["rendered"]["refused_when"], "has(answer.body.error)");
    assert_eq!(control["rendered"]["expose"], json!([]));
    assert_eq!(control.get("reads"), None, "{control}");
}

/// What the adapter computes is described by its name, and values of answers by theirs.
#[test]
fn an_explanation_says_what_the_contract_leaves_to_the_adapter() {
    let open = file("examples/11_write_article.toml");
    let args = ["contract", "explain", &open, "--param", "ticket=7"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    for line in [
        "open      the adapter computes parts; each action is planned in a rehearsal",
        "      body /title: computed by the adapter, as `title`, with the schema {",
        "      the whole body: computed by the adapter, as `tags`, with the schema {",
        "    later writes and observations may use its answer as `create`",
        "    the adapter may leave out this write (`optional`)",
        "      body /article: answer.create.id, known after the write",
        "      path {answer.create.id}: answer.create.id, known after the write",
    ] {
        assert!(said.lines().any(|one| one.starts_with(line)), "no `{line}`: {said}");
    }
    for part in [
        "\"title\": <computed: title>",
        "\"article\": <answer.create.id>",
        "    <computed: tags>\n",
    ] {
        assert!(said.contains(part), "no `{part}`: {said}");
    }
    let (_, raw, _) = deed(&[&args[..], &["--raw"]].concat());
    for part in [
        "content-length: <known after the rehearsal>\n",
        "content-length: <known after an earlier write>\n\n{\"article\":<answer.create.id>}\n",
        "\n\n<computed: tags>\n",
    ] {
        assert!(raw.contains(part), "no `{part}`: {raw}");
    }
    let mut lengths = raw.lines().filter_map(|line| line.strip_prefix("content-length: "));
    assert!(lengths.all(|length| length.starts_with('<')), "{raw}");
    let report: Value =
        serde_json::from_str(&expect(&[&args[..], &["--json"]].concat()).unwrap()).unwrap();
    assert_eq!(report["open"], true);
    let (create, tags) = (&report["perform"][1], &report["perform"][3]);
    assert_eq!(create["rendered"]["body"], json!({"ticket": 7, "title": null, "text": null}));
    assert_eq!(create["rendered"]["any"], json!({"/title": "title", "/text": "text"}));
    assert_eq!(create["computed"][1]["schema"]["maxLength"], 100, "{create}");
    assert_eq!(tags["rendered"].get("body"), None, "{tags}");
    let closed = file("examples/02_close_ticket.toml");
    let said = expect(&["contract", "explain", &closed, "--param", "ticket=7"]).unwrap();
    assert!(!said.contains("rehearsal"), "{said}");
}

/// The adapter `declared` computes nothing. Later writes use the answer to an earlier one, so the writes are planned.
#[test]
fn an_open_contract_without_computed_parts_says_so() {
    let order = workspace().join("tests/support/src/office/order_thing.toml");
    let args = ["contract", "explain", order.to_str().unwrap(), "--param", "name=lamp-1"];
    let more = ["--param", "shelf=s-1", "--param", "sku=bulb", "--param", "units=2"];
    let (code, said, errors) = deed(&[&args[..], &more].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    let line = "open      each action is planned in a rehearsal";
    assert!(said.lines().any(|one| one == line), "no `{line}`: {said}");
    assert!(!said.contains("computes"), "{said}");
}
