//! Tests of `deed contract new`: drafts of the documents in `tests/openapi/documents/` and of the host's own API, one
//! story from the draft to a served contract, and documents that attack the author.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deed_record::contract::Contract;
use deed_spec::text::deceives;
use deed_test_support::shared::scim;
use deed_tests::host::run;
use deed_tests::services::workspace;
use deed_tests::world::World;
use serde_json::{Map, Value, json};

/// Exit code, stdout and stderr.
fn deed(args: &[&str]) -> (i32, String, String) {
    let output = run(args, "").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn document(name: &str) -> String {
    workspace().join("tests/openapi/documents").join(name).to_str().unwrap().to_owned()
}

fn draft(from: &str) -> (i32, String, String) {
    deed(&["contract", "new", "idp.act", "--from", from])
}

/// A new folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("deed-new-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The text of a draft without its questions.
fn answered(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("#?"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn every_operation_is_drafted_or_refused_with_a_reason() {
    let own = workspace().join("docs/openapi.json").to_str().unwrap().to_owned();
    for (file, least) in [(document("tickets.yaml"), 7), (document("inventory.json"), 7), (own, 4)]
    {
        let (code, said, errors) = deed(&["contract", "new", "--from", &file, "--list", "--json"]);
        assert_eq!((code, errors.as_str()), (0, ""), "{said}");
        let listed: Value = serde_json::from_str(&said).unwrap();
        let mut drafts = 0;
        for one in listed.as_array().unwrap() {
            let (method, path) = (one["method"].as_str().unwrap(), one["path"].as_str().unwrap());
            let (code, said, errors) = draft(&format!("{file}#{method} {path}"));
            match code {
                0 => {
                    drafts += 1;
                    Contract::from_toml("draft.toml", &answered(&said)).unwrap();
                    assert!(errors.contains("next: deed contract new idp.act --from"), "{errors}");
                }
                1 => assert!(errors.starts_with("error: `") && errors.contains(';'), "{errors}"),
                other => panic!("{other}: {errors}"),
            }
        }
        assert!(drafts >= least, "{file}: {drafts}");
    }
}

#[test]
fn operations_are_listed_and_similar_ones_are_suggested() {
    let file = document("tickets.yaml");
    let (code, said, errors) = deed(&["contract", "new", "--from", &file, "--list"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("PATCH /tickets/{ticket}") && said.contains("changeTicket"), "{said}");
    assert!(errors.contains("next: deed contract new UPSTREAM.ACTION --from"), "{errors}");
    let (code, said, errors) = draft(&format!("{file}#changeTickets"));
    assert!(code == 1 && said.is_empty() && errors.contains("`changeTicket`"), "{errors}");
    let (code, _, errors) = draft(&file);
    assert!(code == 1 && errors.contains("name an operation after `#`"), "{errors}");
    let (code, _, errors) = draft("no-such-file.yaml#x");
    assert!(code == 1 && errors.contains("no-such-file.yaml"), "{errors}");
    let (code, _, _) = deed(&["contract", "new", "--from", &file]);
    assert_eq!(code, 2);
}

#[test]
fn a_draft_as_json_has_its_questions_with_their_lines() {
    let from = format!("{}#changeTicket", document("tickets.yaml"));
    let (code, said, errors) = deed(&["contract", "new", "idp.act", "--from", &from, "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said).unwrap();
    let text = report["contract"].as_str().unwrap();
    let questions = report["questions"].as_array().unwrap();
    assert!(!questions.is_empty(), "{said}");
    for one in questions {
        let line = usize::try_from(one["line"].as_u64().unwrap()).unwrap();
        let written = format!("#? {}", one["question"].as_str().unwrap());
        assert_eq!(text.lines().nth(line - 1), Some(written.as_str()));
    }
}

/// Puts a contract into service: a grant, and a pin.
fn grant(world: &World) {
    let file = world.dir.join("deed.toml");
    let text = fs::read_to_string(&file).unwrap();
    let more = "\n[tenant.acme.grant.\"idp.change_ticket\"]\nupstreams = [\"idp\"]\n";
    fs::write(file, text + more).unwrap();
}

#[test]
fn a_draft_is_served_only_after_its_questions_are_answered() {
    let world = World::lay_out(scim(), "scim").unwrap();
    grant(&world);
    let path = world.dir.join("contracts/change_ticket.toml");
    let (file, from) =
        (path.to_str().unwrap(), format!("{}#changeTicket", document("tickets.yaml")));
    let new = ["contract", "new", "idp.change_ticket", "--from", &from, "--output", file];
    let (code, said, errors) = deed(&new);
    assert!(code == 0 && said.is_empty(), "{errors}");
    let next = format!("next: deed contract explain {file} --param ticket=1\n");
    assert!(errors.contains("2 questions") && errors.ends_with(&next), "{errors}");
    let text = fs::read_to_string(&path).unwrap();
    let told = "change_ticket.toml:26: Which members change by themselves, or with every write?\n";
    assert!(errors.contains(told), "{errors}");

    // A file is never replaced.
    let (code, _, errors) = deed(&new);
    assert!(code == 1 && errors.contains("remove the file, or name another one"), "{errors}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with("#?"));
    let asked: Vec<usize> = lines.map(|(n, _)| n + 1).collect();
    assert_eq!(asked.len(), 2, "{text}");
    for command in ["check", "pin"] {
        let (code, said, errors) = deed(&[command, world.path()]);
        assert_eq!(code, 1, "{said}");
        for line in &asked {
            let told = format!("contracts/change_ticket.toml:{line}: question not answered: ");
            assert!([&said, &errors].iter().any(|one| one.contains(&told)), "{said}{errors}");
        }
    }
    let explain = ["contract", "explain", file, "--param", "ticket=7", "--param", "status=closed"];
    let (code, _, errors) = deed(&explain);
    assert!(code == 0 && errors.matches("question not answered").count() == 2, "{errors}");

    let right =
        answered(&text).replace("\"/ticket/status\"", "\"/ticket/status\", \"/ticket/closed_by\"");
    fs::write(&path, right).unwrap();
    let (code, said, errors) = deed(&[&explain[..], &["--raw"]].concat());
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(
        said.contains("/tickets/7 HTTP/1.1") && said.contains("{\"status\":\"closed\"}"),
        "{said}"
    );
    world.pin().unwrap();
    let (code, said, errors) = deed(&["check", world.path()]);
    assert_eq!(code, 0, "{said}{errors}");
}

#[test]
fn a_host_does_not_start_with_a_question() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let mut paths =
        fs::read_dir(world.dir.join("contracts")).unwrap().map(|one| one.unwrap().path());
    let is_contract = |path: &PathBuf| !path.to_str().unwrap().ends_with(".cases.toml");
    let path = paths.find(is_contract).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n  #? Which role may do this?\n")).unwrap();
    let refused = world.serve().unwrap_err().to_string();
    assert!(refused.contains("question not answered: Which role may do this?"), "{refused}");
    fs::write(&path, text).unwrap();
    world.serve().unwrap();
}

fn hostile(dir: &Path, name: &str, text: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_document_that_attacks_the_machine_is_refused() {
    let dir = folder("hostile");
    let mut bomb = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned()];
    for n in 1..12 {
        let all = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push(format!("a{n}: &a{n} [{all}]\n"));
    }
    let outside = |reference: &str| {
        let content = json!({"application/json": {"schema": {"$ref": reference}}});
        let read = json!({"operationId": "x", "responses": {"200": {"content": content}}});
        json!({"openapi": "3.0.3", "paths": {"/a": {"get": read}}}).to_string()
    };
    let small = format!("{{\"x\":[{}]}}", vec!["{\"a\":1}"; 1_000_000].join(","));
    let path =
        json!({"openapi": "3.0.3", "paths": {"/a".repeat(100_000): {"get": {}}}}).to_string();
    let schema = "#/paths/~1a/get/responses/200/content/application~1json/schema";
    let members: Map<String, Value> =
        (0..1_000).map(|n| (format!("k{n}"), json!({"$ref": schema}))).collect();
    let content = json!({"application/json": {"schema": {"properties": members}}});
    let read = json!({"operationId": "x", "responses": {"200": {"content": content}}});
    let own = json!({"openapi": "3.0.3", "paths": {"/a": {"get": read}}}).to_string();
    for (name, text, why) in [
        ("large.yaml", vec![b'#'; 40 << 20], "more than 32 MiB"),
        ("bomb.yaml", bomb.concat().into_bytes(), "once its aliases are filled in"),
        ("small.json", small.into_bytes(), "more than 256 MiB of memory"),
        ("path.json", path.into_bytes(), "2048 bytes or 64 segments"),
        ("own.json", own.into_bytes(), "parts once their references are followed"),
        ("deep.json", format!("{{\"a\":{}", "[".repeat(100_000)).into_bytes(), "is not JSON"),
        ("deep.yaml", format!("a: {}", "[".repeat(100_000)).into_bytes(), "neither JSON nor YAML"),
        ("http.json", outside("http://127.0.0.1:1/x.json#/a").into_bytes(), "@redocly/cli bundle"),
        ("file.json", outside("file:///etc/hostname").into_bytes(), "@redocly/cli bundle"),
        (
            "cycle.json",
            outside("#/paths/~1a/get/responses/200/content/application~1json/schema").into_bytes(),
            ";",
        ),
        (
            "old.yaml",
            b"swagger: '2.0'\n".to_vec(),
            "npx swagger2openapi --yaml --outfile openapi.yaml",
        ),
        ("binary.yaml", vec![0xff, 0xfe], "is not UTF-8"),
    ] {
        let file = hostile(&dir, name, &text);
        let started = Instant::now();
        let (code, said, errors) = draft(&format!("{file}#x"));
        assert!(code == 1 && said.is_empty() && errors.contains(why), "{name}: {errors}");
        assert!(started.elapsed() < Duration::from_mins(1), "{name}: {:?}", started.elapsed());
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn no_text_of_a_document_controls_a_terminal_or_a_contract() {
    let dir = folder("texts");
    let text = "\u{1b}[2K\"]\n[grant]\n#? x\u{202e}'''";
    let schema = json!({"type": "object", "properties": {text: {"type": "string"}, "id": {"type": "integer"}}});
    let content = json!({"application/json": {"schema": schema}});
    let read =
        json!({"operationId": text, "summary": text, "responses": {"200": {"content": content}}});
    let parameter = json!({"name": "id", "in": "path", "required": true, "description": text, "schema": {"enum": ["a", text]}});
    let item = json!({"parameters": [parameter], "get": read});
    let source =
        json!({"openapi": "3.0.3", "servers": [{"url": text}], "paths": {"/a/{id}": item}});
    let file = hostile(&dir, "a.json", source.to_string().as_bytes());
    let is_visible = |said: &str| !said.contains(|c: char| c != '\n' && deceives(c));
    let (code, said, errors) = draft(&format!("{file}#GET /a/{{id}}"));
    assert!(code == 0 && is_visible(&said) && is_visible(&errors), "{said:?}{errors:?}");
    let contract = Contract::from_toml("draft.toml", &answered(&said)).unwrap();
    assert_eq!(contract.observe.http[0].request, "GET /a/{id}");
    assert!(said.lines().all(|line| !line.starts_with("[grant]")), "{said}");
    let none = format!("{file}#none");
    let list = ["contract", "new", "--from", file.as_str(), "--list"];
    let new = ["contract", "new", "idp.act", "--from", none.as_str()];
    for args in [list, new] {
        let (_, said, errors) = deed(&args);
        assert!(is_visible(&said) && is_visible(&errors), "{said:?}{errors:?}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn only_the_members_that_the_author_names_are_parameters() {
    let from = format!("{}#changeTicket", document("tickets.yaml"));
    let new = |members: &[&str]| {
        let args = ["contract", "new", "desk.change_ticket", "--from", &from];
        deed(&[&args[..], members].concat())
    };
    let (code, said, errors) = new(&["--member", "status"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("status = \"{status}\"") && !said.contains("{subject"), "{said}");
    assert!(errors.contains(" --member status --output desk_change_ticket.toml"), "{errors}");
    Contract::from_toml("draft.toml", &answered(&said)).unwrap();
    let (code, said, errors) = new(&["--member", "state\u{1b}[2J"]);
    assert!(code == 1 && errors.contains("name with `--member` what it sends"), "{said}{errors}");
    assert!(!errors.contains('\u{1b}'), "{errors}");
}
