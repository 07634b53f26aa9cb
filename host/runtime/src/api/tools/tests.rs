use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deed_record::action::id::ActionId;
use deed_record::action::render;
use deed_record::contract::Contract;
use deed_record::contract::schema::Pattern;
use deed_spec::json::MAX_INTEGER;
use serde_json::{Map, Value, json};

use super::formats::{Format, ToolList};
use super::names::NAME_MAX;
use super::{Tool, all, as_written, of, split};

/// A contract of the repository, with texts replaced.
fn contract(file: &str, edits: &[(&str, &str)]) -> Contract {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts").join(file);
    let mut text = fs::read_to_string(path).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{file}: {from}");
        text = text.replace(from, to);
    }
    Contract::from_toml(file, &text).unwrap()
}

fn suspend() -> Contract {
    contract("idp/suspend_user.toml", &[])
}

fn invoice() -> Contract {
    contract("examples/09_create_invoice.toml", &[])
}

/// The contract to suspend a user under other names.
fn named(names: &[&str]) -> Vec<Contract> {
    let one = |name: &&str| {
        let quoted = format!("\"{name}\"");
        contract("idp/suspend_user.toml", &[("\"idp.suspend_user\"", quoted.as_str())])
    };
    names.iter().map(one).collect()
}

fn names(contracts: &[Contract]) -> Vec<(String, String)> {
    let tools = all(contracts.iter());
    tools.into_iter().map(|tool| (tool.contract, tool.name)).collect()
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is not an object") };
    members
}

/// The pointers of the faults in these arguments.
fn faults(contract: &Contract, arguments: Value) -> Vec<String> {
    let error = split(contract, object(arguments)).unwrap_err();
    error.0.into_iter().map(|violation| violation.pointer).collect()
}

#[test]
fn names_have_underscores_in_place_of_dots() {
    assert_eq!(of(&suspend()).name, "idp_suspend_user");
    let two = names(&named(&["b.two", "a-1.one"]));
    let pair = |contract: &str, name: &str| (contract.to_owned(), name.to_owned());
    assert_eq!(two, [pair("a-1.one", "a-1_one"), pair("b.two", "b_two")]);
}

#[test]
fn names_are_allowed_everywhere_and_distinct() {
    let start = "a".repeat(64);
    let long = format!("{start}.{}", "b".repeat(60));
    let longer = format!("{start}.{}", "c".repeat(60));
    // This contract has the name that another tool gets because of its digest.
    let taken = names(&named(&["idp.a_b", "idp_a.b"])).remove(0).1;
    let given = [
        long.as_str(),
        longer.as_str(),
        taken.as_str(),
        "idp.a_b",
        "idp_a.b",
        "deed.status",
        "deed_list",
        "7zip.pack",
        "x.y",
    ];
    let tools = all(named(&given).iter());
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    for Tool { name, contract, .. } in &tools {
        assert!(
            (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits),
            "{contract}: {name}"
        );
        assert!(!name.starts_with("deed_"), "{contract}: {name}");
        assert!(name.starts_with(|c: char| c.is_ascii_alphabetic()), "{contract}: {name}");
    }
    let distinct: BTreeSet<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(distinct.len(), given.len(), "{distinct:?}");
    assert!(tools.is_sorted_by_key(|tool| tool.name.clone()));
    assert!(distinct.contains("x_y") && distinct.contains("contract_deed_status"), "{distinct:?}");
}

/// These names were searched for. The first 51 characters of their tools' names are equal, and so are the first 12 digits
/// of their digests.
#[test]
fn names_whose_digests_begin_alike_are_distinct() {
    let start = format!("a.{}", "b".repeat(60));
    let (one, other) = (format!("{start}.b6eed2"), format!("{start}.138357a"));
    let found = names(&named(&[one.as_str(), other.as_str()]));
    assert_eq!(of(&named(&[one.as_str()])[0]).name, of(&named(&[other.as_str()])[0]).name);
    assert_ne!(found[0].1, found[1].1);
    assert!(found.iter().all(|(_, name)| name.len() == NAME_MAX), "{found:?}");
}

#[test]
fn a_name_does_not_depend_on_order_or_on_other_names() {
    let both = ["idp.a_b", "idp_a.b"];
    let turned = ["idp_a.b", "other.one", "idp.a_b"];
    let kept = |names: Vec<(String, String)>| -> BTreeSet<(String, String)> {
        names.into_iter().filter(|(contract, _)| contract != "other.one").collect()
    };
    assert_eq!(kept(names(&named(&both))), kept(names(&named(&turned))));
}

#[test]
fn a_description_tells_what_the_action_does_and_who_decides() {
    let told = of(&suspend()).description;
    for part in [
        "Suspend a user's access. Updates `idp/users/{user_id}` (contract `idp.suspend_user` 1.0.0, mode write).",
        "May change only `/user/active`",
        "`!has(pre.user.active) || pre.user.active`",
        "`sources` must name at least 1",
        "An equal call can be a second action, and is one once the end of the first has been reported",
        "people may have to approve",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let keyed = of(&invoice()).description;
    assert!(keyed.contains("A call with the same `idempotency_key` is the same action"), "{keyed}");
    let read = of(&contract("idp/read_user.toml", &[])).description;
    assert!(read.contains("Only reads") && !read.contains("approve"), "{read}");
    let long = "x".repeat(3_000);
    let long = contract("idp/suspend_user.toml", &[("Suspend a user's access", long.as_str())]);
    assert_eq!(of(&long).description.chars().count(), 1_024);
}

#[test]
fn hints_follow_the_contract() {
    let hints = |tool: &Tool| (tool.read_only, tool.destructive, tool.idempotent, tool.open_world);
    assert_eq!(hints(&of(&contract("idp/read_user.toml", &[]))), (true, false, true, true));
    assert_eq!(hints(&of(&suspend())), (false, false, false, true));
    let idempotent = contract("idp/suspend_user.toml", &[("\"observable\"", "\"idempotent\"")]);
    assert_eq!(hints(&of(&idempotent)), (false, false, true, true));
    assert!(of(&contract("scim/delete_user.toml", &[])).destructive);
}

#[test]
fn arguments_are_the_parameters_and_what_a_proposal_has() {
    let input = of(&suspend()).input;
    assert_eq!(input["required"], json!(["user_id", "intent", "sources"]), "{input:#}");
    assert_eq!(input["additionalProperties"], false);
    assert_eq!(input["properties"]["user_id"]["pattern"], "^[0-9a-f]{32}$");
    assert_eq!(input["properties"]["sources"]["minItems"], 1);
    let expect = input["properties"]["expect"]["description"].as_str().unwrap();
    assert!(expect.contains("`/user/active`"), "{expect}");
    let input = of(&invoice()).input;
    let wanted = json!(["amount", "customer", "intent", "idempotency_key"]);
    assert_eq!(input["required"], wanted, "{input:#}");
    let amount = &input["properties"]["amount"];
    assert_eq!((&amount["type"], &amount["minimum"]), (&json!("string"), &Value::Null), "{amount}");
    let told = amount["description"].as_str().unwrap();
    assert!(told.contains("from 1 to 10000"), "{told}");
}

/// The host refuses a number that is not a safe integer before it knows the contract, so the reason names no parameter.
#[test]
fn the_schema_permits_no_number_that_the_host_refuses() {
    let more = "properties.any = { type = \"integer\" }\n\
                properties.least = { type = \"integer\", minimum = 1 }\n\
                properties.listed = { type = \"integer\", enum = [1, 2] }\n\
                properties.price = { type = \"decimal\" }\n\n[state.customer]";
    let edited = contract("examples/09_create_invoice.toml", &[("[state.customer]", more)]);
    let input = of(&edited).input;
    let properties = &input["properties"];
    for (name, least, most) in [
        ("any", json!(-MAX_INTEGER), json!(MAX_INTEGER)),
        ("least", json!(1), json!(MAX_INTEGER)),
        ("listed", Value::Null, Value::Null),
    ] {
        let shown = &properties[name];
        assert_eq!((&shown["minimum"], &shown["maximum"]), (&least, &most), "{shown}");
        let told = shown["description"].as_str().unwrap();
        assert!(told.contains("without a fraction"), "{told}");
    }
    let told = properties["price"]["description"].as_str().unwrap();
    assert!(told.contains("from -922337203685477.5808 to 922337203685477.5807."), "{told}");
    let expect = &properties["expect"];
    let numbers = json!({"multipleOf": 1, "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER});
    assert_eq!(expect["additionalProperties"], numbers, "{expect}");
    let told = expect["description"].as_str().unwrap();
    assert!(told.contains("Numbers are integers, written without a fraction"), "{told}");
}

#[test]
fn a_private_parameter_is_marked() {
    let private = "properties.note = { type = \"string\", private = true, pattern = \"(?i)^a\" }\n\n[state.user]";
    let tool = of(&contract("idp/suspend_user.toml", &[("[state.user]", private)]));
    let note = &tool.input["properties"]["note"];
    let told = note["description"].as_str().unwrap();
    assert_eq!(note["writeOnly"], true, "{note}");
    assert!(told.contains("Private: ") && told.contains("`(?i)^a`"), "{note}");
    assert!(note.get("pattern").is_none() && note.get("private").is_none(), "{note}");
}

#[test]
fn a_result_has_the_outputs_of_the_contract() {
    let output = of(&invoice()).output;
    assert_eq!(output["type"], "object");
    let invoice = &output["properties"]["outputs"]["properties"]["invoice"];
    assert_eq!(invoice["type"], "integer", "{output:#}");
    assert_eq!(of(&suspend()).output["properties"].get("outputs"), None);
    let read = of(&contract("idp/read_user.toml", &[])).output;
    assert!(read["properties"]["result"]["properties"]["user"].is_object(), "{read:#}");
}

#[test]
fn a_call_becomes_a_proposal() {
    let arguments = json!({
        "customer": 7,
        "amount": "12.50",
        "intent": "the order is complete",
        "sources": [{"uri": "order:1"}],
        "expect": {"/invoice/amount": "12.5"},
        "idempotency_key": "order-1",
    });
    let call = split(&invoice(), object(arguments)).unwrap();
    assert_eq!(call.idempotency_key.as_deref(), Some("order-1"));
    let proposal = serde_json::to_value(&call.proposal).unwrap();
    let wanted = json!({
        "contract": "desk.create_invoice",
        "params": {"customer": 7, "amount": "12.50"},
        "intent": "the order is complete",
        "sources": [{"uri": "order:1"}],
        "expect": {"/invoice/amount": "12.5"},
    });
    assert_eq!(proposal, wanted);
}

/// JSON Schema counts characters, and the host counts bytes.
#[test]
fn the_longest_texts_of_the_schema_are_accepted_by_the_host() {
    let (contract, input) = (suspend(), of(&suspend()).input);
    let longest = |pointer: &str| {
        let length = input.pointer(pointer).and_then(Value::as_u64).unwrap();
        "\u{1f511}".repeat(usize::try_from(length).unwrap())
    };
    let arguments = json!({
        "user_id": "0".repeat(32),
        "intent": longest("/properties/intent/maxLength"),
        "sources": [{"uri": longest("/properties/sources/items/properties/uri/maxLength")}],
    });
    let id: ActionId = "act_00000000000000000000000000".parse().unwrap();
    let bound = |arguments: Value| {
        let call = split(&contract, object(arguments)).unwrap();
        render(&contract, &call.proposal, &id).map(|_| ())
    };
    assert_eq!(bound(arguments.clone()), Ok(()));
    let mut longer = arguments;
    longer["intent"] = json!(format!("{}x", longer["intent"].as_str().unwrap()));
    assert!(bound(longer).is_err(), "the schema states the longest text that the host accepts");
}

/// White space is no intent. The host's rule and the pattern in the schema agree on every character.
#[test]
fn the_schema_permits_no_intent_that_the_host_takes_for_empty() {
    let input = of(&suspend()).input;
    let pattern = input["properties"]["intent"]["pattern"].as_str().unwrap();
    let pattern = Pattern::new(pattern).unwrap();
    for text in (0..=0x3000).filter_map(char::from_u32).map(String::from) {
        assert_eq!(pattern.matches(&text), !text.trim().is_empty(), "{text:?}");
    }
}

#[test]
fn every_fault_is_named_as_the_caller_wrote_it() {
    let found =
        faults(&suspend(), json!({"user_id": "short", "admin": true, "sources": [{"url": "x"}]}));
    for pointer in ["/user_id", "/admin", "/intent"] {
        assert!(found.iter().any(|one| one == pointer), "{pointer}: {found:?}");
    }
    assert!(found.iter().any(|one| one.starts_with("/sources/0")), "{found:?}");
    let amount = json!({"customer": 7, "amount": "0.5", "intent": "x"});
    assert_eq!(faults(&invoice(), amount), ["/idempotency_key", "/amount"]);
    let long = "k".repeat(129);
    for key in ["", "two words", long.as_str()] {
        let arguments =
            json!({"customer": 7, "amount": "5", "intent": "x", "idempotency_key": key});
        assert_eq!(faults(&invoice(), arguments), ["/idempotency_key"], "{key}");
    }
    let intent = json!({"user_id": "0".repeat(32), "intent": 7, "expect": []});
    assert_eq!(faults(&suspend(), intent), ["/intent", "/sources", "/expect"]);
    let none = json!({"user_id": "0".repeat(32), "intent": "x", "sources": []});
    assert_eq!(faults(&suspend(), none), ["/sources"]);
}

#[test]
fn parameters_with_the_name_of_an_argument_are_nested() {
    let more = "properties.intent = { type = \"string\" }\n\n[state.user]";
    let nested = contract("idp/suspend_user.toml", &[("[state.user]", more)]);
    let input = of(&nested).input;
    assert_eq!(input["required"], json!(["params", "intent", "sources"]), "{input:#}");
    assert!(input["properties"]["params"]["properties"]["intent"].is_object(), "{input:#}");
    let user = "0".repeat(32);
    let sources = json!([{"uri": "ticket:1"}]);
    let good = json!({
        "params": {"user_id": user, "intent": "theirs"},
        "intent": "ours",
        "sources": sources,
    });
    let call = split(&nested, object(good)).unwrap();
    assert_eq!(
        (call.proposal.intent.as_str(), &call.proposal.params["intent"]),
        ("ours", &json!("theirs"))
    );
    assert_eq!(
        faults(&nested, json!({"user_id": user, "intent": "x", "sources": sources})),
        ["/user_id", "/params/user_id"]
    );
    let wrong = json!({"params": 7, "intent": "x", "sources": sources});
    assert_eq!(faults(&nested, wrong), ["/params"]);
    let flat = |pointer: &str| as_written(&suspend(), pointer);
    assert_eq!(as_written(&nested, "/params/user_id"), "/params/user_id");
    assert_eq!(
        (flat("/params/user_id"), flat("/intent"), flat("/params")),
        ("/user_id".into(), "/intent".into(), String::new())
    );
}

#[test]
fn every_format_has_every_tool() {
    let contracts = [suspend(), invoice()];
    let tools = all(contracts.iter());
    for word in Format::WORDS {
        let list = ToolList::new(Format::from_word(word).unwrap(), &tools);
        assert_eq!(list.contracts["idp_suspend_user"], "idp.suspend_user", "{word}");
        let text = serde_json::to_string(&list.tools).unwrap();
        for name in ["\"desk_create_invoice\"", "\"idp_suspend_user\""] {
            assert!(text.contains(name), "{word}: {text}");
        }
    }
    let gemini = ToolList::new(Format::Gemini, &tools).tools;
    let schema = &gemini[0]["functionDeclarations"][1]["parametersJsonSchema"];
    assert_eq!(schema["properties"]["user_id"]["type"], "string", "{schema:#}");
    assert!(!schema.to_string().contains("\"pattern\""), "{schema:#}");
    assert_eq!(schema["properties"]["expect"].get("additionalProperties"), None, "{schema:#}");
}
