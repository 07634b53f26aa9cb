use serde_json::json;

use super::*;

const CONTRACT: &str = r#"
format = 1
[action]
name = "idp.note"
version = "1.0.0"
title = "Note"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{user_id}"
adapter = "scim"
[params]
required = ["user_id", "note"]
properties.user_id = { type = "string" }
properties.note = { type = "string", minLength = 3, private = true }
properties.more = { type = "string", private = true }
[state.user]
properties.id = { type = "string" }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request = "PUT /Users/{user_id}/{note}"
body = { note = "{note}", more = "{more}" }
expose = ["/id"]
[verify]
after = ["has(post.user.id)"]
"#;

const VALUE: &str = "a value / of its own";

fn id() -> ActionId {
    ActionId::new(1, [0; 10])
}

fn contract() -> Contract {
    Contract::from_toml("note.toml", CONTRACT).unwrap()
}

fn proposal(params: &Value) -> Proposal {
    serde_json::from_value(json!({"contract": "idp.note", "params": params, "intent": "i"}))
        .unwrap()
}

fn sealed(params: &Value) -> Result<Sealed, BindError> {
    seal(&contract(), proposal(params), &id(), || Some([7; 32]))
}

fn good() -> Sealed {
    sealed(&json!({"user_id": "42", "note": VALUE})).unwrap()
}

/// The output of `printf '"a value / of its own"' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…`.
const WORD: &str =
    "private:hmac-sha256:a91338d5c8198e21b75d30de451d6dde0198ff59c1eceb97e668770dc45996ad";

#[test]
fn a_word_stands_for_the_value_wherever_it_is_recorded() {
    let sealed = good();
    assert_eq!(sealed.proposal.params["note"], WORD);
    assert_eq!(sealed.proposal.params.get("more"), None);
    let write = &sealed.rendering.perform[0];
    assert_eq!(write.body, Some(json!({"note": WORD})));
    assert_eq!(write.path, format!("/Users/42/{}", WORD.replace(':', "%3A")));
    let records = serde_json::to_string(&(&sealed.proposal, &write)).unwrap();
    assert!(!records.contains("of its own"), "{records}");
    assert!(!format!("{sealed:?}").contains("of its own"));
    let requests = sealed.openings.requests(&contract(), &sealed.proposal, &id()).unwrap();
    assert_eq!(requests.perform[0].public, *write);
    assert_eq!(requests.perform[0].live().path, "/Users/42/a%20value%20%2F%20of%20its%20own");
    assert_eq!(requests.perform[0].live().body, Some(json!({"note": VALUE})));
    assert!(!format!("{requests:?}").contains("of%20its"), "{requests:?}");
}

#[test]
fn equal_values_have_other_words_under_other_salts() {
    let mut count = 0;
    let mut salt = || {
        count += 1;
        Some([count; 32])
    };
    let params = json!({"user_id": "42", "note": VALUE, "more": VALUE});
    let sealed = seal(&contract(), proposal(&params), &id(), &mut salt).unwrap();
    assert_ne!(sealed.proposal.params["note"], sealed.proposal.params["more"]);
    assert_eq!(
        seal(&contract(), proposal(&json!({"user_id": "4", "note": VALUE})), &id(), || None).err(),
        Some(BindError::Salt)
    );
}

#[test]
fn the_contract_holds_for_the_value_and_no_fault_tells_it() {
    for (note, why) in
        [(json!("ab"), "has 2 characters"), (json!(["of its own"]), "the value is not a string")]
    {
        let fault = sealed(&json!({"user_id": "42", "note": note})).unwrap_err();
        let BindError::Params(violations) = &fault else { panic!("{fault:?}") };
        assert!(violations[0].reason.contains(why), "{violations:?}");
        assert!(!format!("{violations:?}").contains("of its own"));
    }
    let control =
        sealed(&json!({"user_id": "42", "note": "of its own\n"})).unwrap_err().to_string();
    assert!(control.contains("`note`") && !control.contains("of its own"), "{control}");
}

#[test]
fn a_word_is_no_value_and_a_value_is_said_once() {
    for (name, at) in [("note", "/params/note"), ("user_id", "/params/user_id")] {
        let mut params = json!({"user_id": "42", "note": VALUE});
        params[name] = json!(WORD);
        assert_eq!(sealed(&params).err(), Some(BindError::Word(at.to_owned())));
    }
    let repeated = sealed(&json!({"user_id": format!("x{VALUE}"), "note": VALUE}));
    assert_eq!(repeated.err(), Some(BindError::Repeated("/params/user_id".to_owned())));
    let mut told = proposal(&json!({"user_id": "42", "note": VALUE}));
    told.intent = format!("set it to {VALUE}");
    let fault = seal(&contract(), told, &id(), || Some([7; 32])).err();
    assert_eq!(fault, Some(BindError::Repeated("/intent".to_owned())));
    let repeats = |members: Value| {
        let mut body = json!({"contract": "idp.note", "intent": "i",
            "params": {"user_id": "42", "note": VALUE}});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let told = serde_json::from_value(body).unwrap();
        seal(&contract(), told, &id(), || Some([7; 32])).err()
    };
    for (member, at) in [
        (json!({"environment": VALUE}), "/environment"),
        (json!({"expect": {"/user/id": {VALUE: 1}}}), "/expect/~1user~1id"),
        (json!({"sources": [{"uri": VALUE}]}), "/sources/0/uri"),
    ] {
        assert_eq!(repeats(member), Some(BindError::Repeated(at.to_owned())));
    }
    // A short value may occur in a text by chance, so texts are not searched for short values.
    assert!(sealed(&json!({"user_id": "42", "note": "short"})).is_ok());
    assert!(sealed(&json!({"user_id": "short", "note": "short"})).is_ok());
}

#[test]
fn records_have_words_there_and_nowhere_else() {
    let sealed = good();
    let mut leaked = sealed.proposal.clone();
    leaked.params["note"] = json!(VALUE);
    assert!(matches!(action::render(&contract(), &leaked, &id()), Err(BindError::Params(_))));
    assert!(action::render(&contract(), &sealed.proposal, &id()).is_ok());
}

#[test]
fn only_the_openings_of_an_action_open_it() {
    let sealed = good();
    let open = |openings: &Openings| openings.params(&contract(), &sealed.proposal.params);
    assert_eq!(open(&sealed.openings).unwrap().reveal()["note"], VALUE);
    assert!(open(&Openings::default()).is_err(), "none");
    let change = |change: fn(&mut Openings)| {
        let mut openings = sealed.openings.clone();
        change(&mut openings);
        open(&openings).is_ok()
    };
    assert!(change(|_| {}));
    assert!(!change(|openings| openings.0.get_mut("note").unwrap().value.push('x')));
    assert!(!change(|openings| openings.0.get_mut("note").unwrap().salt.replace_range(0..2, "08")));
    assert!(!change(|openings| openings.0.get_mut("note").unwrap().salt.push('0')));
    assert!(!change(|openings| {
        let opening = Opening::new(&[1; 32], "x");
        openings.0.insert("user_id".to_owned(), opening);
    }));
    assert!(!change(|openings| {
        let opening = Opening::new(&[1; 32], "x");
        openings.0.insert("more".to_owned(), opening);
    }));
}

#[test]
fn what_must_not_come_out_of_a_run() {
    let hidden = good().openings.hidden();
    assert_eq!(hidden.reveal(), &[VALUE.to_owned(), WORD.to_owned()]);
    let short = sealed(&json!({"user_id": "42", "note": "1234567"})).unwrap().openings;
    assert_eq!(short.hidden().reveal().len(), 1, "the word alone");
}
