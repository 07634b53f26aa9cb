//! Tests of drafts: usual documents, hostile documents, and mutations of a document.

mod bodies;
mod changes;
mod chosen;
mod creates;
mod hostile;
mod limits;
mod mutations;
mod secrets;

use super::*;
use deed_record::contract::expression::Expression;
use deed_record::contract::{Contract, Effect, Verb, questions};
use serde_json::json;

const TICKETS: &str = include_str!("../../../../tests/openapi/documents/tickets.yaml");
const INVENTORY: &str = include_str!("../../../../tests/openapi/documents/inventory.json");
const OWN: &str = include_str!("../../../../docs/openapi.json");
const JUPYTERHUB: &str = include_str!("../../../../tests/data/openapi/jupyterhub/rest-api.yml");
const GALAXY: &str = include_str!("../../../../tests/data/openapi/galaxy/openapi.yaml");

fn document(text: &str) -> Document {
    Document::from_bytes("api.yaml", text.as_bytes()).unwrap()
}

fn drafted(text: &str, operation: &str) -> Result<Draft, OpenApiError> {
    draft(&document(text), Choice { name: "desk.act", operation, look: None, members: &[] })
}

/// The contract of a draft without its questions.
fn contract(draft: &Draft) -> Contract {
    let lines = draft.text.lines().filter(|line| !line.trim_start().starts_with("#?"));
    let text: Vec<&str> = lines.collect();
    Contract::from_toml("draft.toml", &text.join("\n")).unwrap()
}

/// A document with the operations of `/t/{id}`: one that reads this object, and a write.
fn one_object(object: &Value, method: &str, write: &Value) -> String {
    let content = json!({"application/json": {"schema": object}});
    let read = json!({"operationId": "read", "responses": {"200": {"content": content}}});
    let item = json!({"get": read, method: write});
    json!({"openapi": "3.0.3", "paths": {"/t/{id}": item}}).to_string()
}

/// A write with a body of these properties, of which some are required.
fn write(required: &[&str], properties: &Value) -> Value {
    let schema = json!({"type": "object", "required": required, "properties": properties});
    let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    json!({"operationId": "write", "requestBody": body, "responses": {"200": {"description": "ok"}}})
}

/// Drafts all operations of a document. Returns how many were drafted.
fn all(text: &str) -> usize {
    let document = document(text);
    let mut count = 0;
    for operation in document.operations() {
        let request = operation.request();
        let choice = Choice { name: "desk.act", operation: &request, look: None, members: &[] };
        match draft(&document, choice) {
            Ok(draft) => {
                count += 1;
                assert_eq!(contract(&draft).action.name, "desk.act", "{request}");
                assert_eq!(questions(&draft.text).len(), draft.questions, "{}", draft.text);
                assert!(draft.questions <= 5, "{}", draft.text);
            }
            Err(error) => assert!(error.what.contains(';'), "{request}: {error}"),
        }
    }
    count
}

#[test]
fn every_operation_is_drafted_or_refused_with_the_remedy() {
    assert!(all(TICKETS) >= 7);
    assert!(all(INVENTORY) >= 7);
    assert!(all(OWN) >= 4);
    assert!(all(JUPYTERHUB) >= 25);
    assert!(all(GALAXY) >= 5);
}

#[test]
fn a_read_has_only_a_look() {
    let read = contract(&drafted(TICKETS, "readTicket").unwrap());
    assert_eq!(read.action.verb, Verb::Read);
    assert_eq!(read.action.resource, "desk/tickets/{ticket}");
    assert_eq!(read.params.required, ["ticket"]);
    assert_eq!(read.observe.http[0].request, "GET /tickets/{ticket}");
    let ticket = &read.state["ticket"];
    assert!(ticket.required.contains(&"id".to_owned()) && ticket.volatile.is_empty());
    assert!(ticket.properties["closed_by"].nullable);
}

#[test]
fn a_change_is_verified_by_the_members_that_it_writes() {
    let draft = drafted(TICKETS, "changeTicket").unwrap();
    let change = contract(&draft);
    assert_eq!((change.action.verb, change.action.effect), (Verb::Update, Effect::Observable));
    assert_eq!(change.action.title, "Change a ticket");
    let body = change.perform.http[0].body.as_ref().unwrap();
    assert_eq!(body["status"], "{status?}");
    let after: Vec<&str> = change.verify.after.iter().map(Expression::source).collect();
    let status = "(!has(params.status) || (post.ticket.status == params.status))";
    assert!(after.contains(&status), "{after:?}");
    assert!(change.verify.may_change.contains(&"/ticket/status".to_owned()));
    assert_eq!(change.state["ticket"].volatile, ["/updated_at"]);
    assert_eq!(draft.samples, ["ticket=1"]);
    assert!(draft.text.contains("enum = [\"open\", \"closed\", \"spam\"]"), "{}", draft.text);
}

#[test]
fn a_removal_is_confirmed_by_the_collection() {
    let draft = drafted(TICKETS, "deleteTicket").unwrap();
    let remove = contract(&draft);
    assert_eq!(remove.observe.http[0].absent, [404]);
    assert_eq!(remove.observe.http[0].control.as_deref(), Some("GET /tickets?limit=1"));
    assert_eq!(remove.verify.may_change, ["/ticket"]);
    assert_eq!(draft.questions, 1, "{}", draft.text);
}

#[test]
fn a_create_is_found_again_by_the_id_of_the_action() {
    let create = contract(&drafted(TICKETS, "createTicket").unwrap());
    assert_eq!(create.action.effect, Effect::Observable);
    assert_eq!(create.observe.http[0].request, "GET /tickets?reference={action.id}");
    assert_eq!(create.state["ticket"].only.as_deref(), Some("/items"));
    let body = create.perform.http[0].body.as_ref().unwrap();
    assert_eq!(body["reference"], "{action.id}");
    assert!(!create.params.properties.contains_key("reference"));
    assert!(!create.params.properties.contains_key("id"), "a member that is only read is sent");
}

#[test]
fn a_create_is_found_again_by_a_key_of_the_agent() {
    let create = contract(&drafted(INVENTORY, "items.add").unwrap());
    assert_eq!(create.action.effect, Effect::Observable);
    assert_eq!(create.observe.http[0].request, "GET /warehouses/{warehouse}/items/{sku}");
    let control = "GET /warehouses/{warehouse}/items?pageSize=1";
    assert_eq!(create.observe.http[0].control.as_deref(), Some(control));
    assert_eq!(create.perform.http[0].body.as_ref().unwrap()["kind"], "item");
    let sku = create.params.properties["sku"].pattern.as_ref().unwrap();
    assert_eq!(sku.as_str(), "^[A-Z]{3}-[0-9]{4}$");
}

#[test]
fn a_create_is_read_by_its_answer_and_asks_about_a_lost_one() {
    let draft = drafted(INVENTORY, "transfers.start").unwrap();
    let create = contract(&draft);
    assert_eq!(create.action.effect, Effect::Opaque);
    assert_eq!(create.observe.http[1].request, "GET /transfers/{answer.create.transferId}");
    assert!(draft.text.contains("#? If the answer to this write is lost"), "{}", draft.text);
    let form = contract(&drafted(TICKETS, "createCustomer").unwrap());
    assert!(form.params.properties["secret"].private);
    assert_eq!(form.params.properties["credit"].sent_as, None);
}

#[test]
fn an_action_on_an_object_asks_what_the_document_does_not_say() {
    let draft = drafted(TICKETS, "POST /tickets/{ticket}/escalate").unwrap();
    let call = contract(&draft);
    assert_eq!((call.action.verb, call.action.effect), (Verb::Call, Effect::Opaque));
    assert_eq!(call.perform.http[0].accepted, [202]);
    for asked in ["the header `X-Desk`", "202 means", "What must hold", "by themselves"] {
        assert!(draft.text.contains(asked), "no `{asked}`: {}", draft.text);
    }
    let reserve = contract(&drafted(INVENTORY, "items.reserve").unwrap());
    let write = &reserve.perform.http[0];
    assert_eq!(write.request, "POST /warehouses/{warehouse}/items/{sku}:reserve?dry-run={dry_run}");
    assert_eq!(write.headers["Inventory-Version"], "2");
}

#[test]
fn members_that_the_upstream_may_set_itself_are_named() {
    let object = |more: &str| {
        json!({"type": "object", "required": ["id", "name", "status", more], "properties": {
            "id": {"type": "integer"}, "name": {"type": "string"}, "status": {"type": "string"},
            more: {"type": "string"},
        }})
    };
    let drafted = |more: &str, sent: &str| {
        let body = write(&[sent], &json!({sent: {"type": "string"}}));
        drafted(&one_object(&object(more), "patch", &body), "write").unwrap().text
    };
    let asked = "The upstream may also set these members itself: `status`.";
    let line = |text: &str| text.lines().any(|one| one.starts_with("#? ") && one.ends_with(asked));
    assert!(line(&drafted("updated_at", "name")), "{}", drafted("updated_at", "name"));
    assert!(!line(&drafted("updated_at", "status")), "{}", drafted("updated_at", "status"));
    let comment = "# The upstream may set these members itself: `status`.";
    assert!(drafted("label", "name").contains(comment), "{}", drafted("label", "name"));
    assert!(!drafted("label", "status").contains(comment), "{}", drafted("label", "status"));
}

#[test]
fn what_no_contract_can_send_is_refused_with_the_remedy() {
    for (text, operation, why) in [
        (TICKETS, "addFile", "only `multipart/form-data`"),
        (TICKETS, "listCustomers", "reads a list"),
        (INVENTORY, "items.exists", "the answer to HEAD has no body"),
        (TICKETS, "listTicket", "similar are: `listTickets`"),
        (OWN, "health", "describes no JSON object"),
    ] {
        let error = drafted(text, operation).unwrap_err().to_string();
        assert!(error.contains(why), "{operation}: {error}");
    }
    let document = document(TICKETS);
    for (name, operation, look, why) in [
        ("desk", "readTicket", None, "is not the name of an action"),
        ("Desk.read", "readTicket", None, "is not the name of an action"),
        ("desk.read", "readTicket", Some("readCustomer"), "leave out `--look`"),
        ("desk.change", "changeTicket", Some("deleteTicket"), "read by a GET"),
        ("desk.change", "changeTicket", Some("none"), "no operation `none`"),
    ] {
        let error = draft(&document, Choice { name, operation, look, members: &[] })
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{operation}: {error}");
    }
}

#[test]
fn another_look_can_be_named() {
    let document = document(TICKETS);
    let choice = Choice {
        name: "desk.escalate_ticket",
        operation: "POST /tickets/{ticket}/escalate",
        look: Some("readCustomer"),
        members: &[],
    };
    let call = contract(&draft(&document, choice).unwrap());
    assert_eq!(call.observe.http[0].request, "GET /customers/{id}");
    assert_eq!(call.params.required, ["ticket", "id"]);
}
