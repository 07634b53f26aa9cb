//! What the pages show in these tests: typical data, and more data than fits, with long and hostile texts.

use std::path::Path;

use deed_test_support::shared::{approve_then, locked_out, scim, user};
use deed_tests::hostile::POISON;
use deed_tests::layout::hash;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const READ: &str = "idp.read_user";
const SUSPEND: &str = "idp.suspend_user";
/// An agent with a name of 63 characters.
const AGENT: &str = "helpdesk-of-the-department-for-accounts-with-very-long-names-01";
const AGENT_TOKEN: &str = "deed_token-of-an-agent-with-a-long-name";
const MORE_AGENTS: usize = 40;
/// How many actions wait in an overfull inbox.
const MANY: usize = 200;

/// The pages for people who are signed in, except those of actions.
pub(super) const PAGES: [&str; 6] =
    ["/", "/actions", "/agents", "/policies", "/health", "/passkeys"];

/// A world, and the ids of its actions.
pub(super) struct Scene {
    pub(super) world: World,
    /// The ids of actions in different states. The first one waits.
    pub(super) actions: Vec<String>,
}

impl Scene {
    /// The paths of all pages for people who are signed in.
    pub(super) fn pages(&self) -> Vec<String> {
        let actions = self.actions.iter().map(|id| format!("/actions/{id}"));
        let edit = self.actions.first().map(|id| format!("/actions/{id}/edit"));
        PAGES.map(str::to_owned).into_iter().chain(actions).chain(edit).collect()
    }
}

/// Proposes an action that waits for approval.
pub(super) fn waiting(world: &World) -> String {
    let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    proposed.text("/id")
}

/// Actions that were carried out, denied by a person, denied by policy and that failed; two that wait, and one whose
/// outcome is open. The order is: waiting, verified, denied, read, failed, denied by policy, open, waiting.
pub(super) fn typical() -> Scene {
    let world = World::start(scim()).unwrap();
    let [waits, verified, denied] = [(); 3].map(|()| waiting(&world));
    assert!(world.approve(&verified, "bob", BOB).unwrap().0);
    assert!(world.answer("deny", &denied, "carol", CAROL).unwrap().0);
    let end = |contract: &str, user: &str| {
        world.propose(&World::proposal(contract, user)).unwrap().text("/id")
    };
    let read = end(READ, &user("typical", Some(true)));
    let failed = end(READ, &"0".repeat(32));
    let refused = end(SUSPEND, &"0".repeat(32));
    let also = waiting(&world);
    let open = open(&world);
    let actions = vec![waits, verified, denied, read, failed, refused, open, also];
    for (id, status) in actions.iter().zip(["waiting", "verified", "denied", "verified", "failed"])
    {
        assert_eq!(world.settled(id).unwrap()["status"], status, "{id}");
    }
    Scene { world, actions }
}

/// An action whose write took effect, and whose result the host cannot observe. The system of record stays unreadable.
fn open(world: &World) -> String {
    let id = waiting(world);
    world.proxy.set("PATCH", Fault::Delay { ms: 500 });
    approve_then(world, &id, Fault::DropBefore);
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "indeterminate", "{view:#}");
    id
}

/// More than one page of everything, with texts that are long, read from right to left, or look like markup.
pub(super) fn overfull() -> Scene {
    let world = World::with(scim(), "scim", |dir| {
        more_agents(dir)?;
        let more = "properties.note = { type = \"string\", maxLength = 4000 }\n\
            properties.texts = { type = \"array\", items = { type = \"string\" } }\n\n[state.user]";
        edit(dir, "contracts/restore_access.toml", "\n[state.user]", more)
    });
    let world = world.unwrap();
    let wide = "W".repeat(256);
    let hebrew = "\u{5d1}\u{5e7}\u{5e9}\u{5d4} \u{5dc}\u{5e9}\u{5d7}\u{5d6}\u{5e8} (ticket 4711) \u{5d2}\u{5d9}\u{5e9}\u{5d4}";
    let texts: Vec<&str> = POISON.into_iter().chain([wide.as_str(), hebrew]).collect();
    // The form that changes the first one has all texts as parameters.
    let params = json!({"user_id": locked_out(), "note": texts.join(" "), "texts": texts});
    let mut waits = vec![proposed(&world, &wide, &params).unwrap()];
    for text in texts.iter().cycle().take(2 * MANY) {
        if waits.len() == MANY {
            break;
        }
        waits.extend(proposed(&world, text, &json!({"user_id": locked_out()})));
    }
    assert_eq!(waits.len(), MANY, "actions wait");
    // One page for each text.
    waits.truncate(1 + texts.len());
    Scene { world, actions: waits }
}

/// The id of an action that waits, with this text wherever an agent may write; `None` if the host refuses the text.
fn proposed(world: &World, text: &str, params: &Value) -> Option<String> {
    let mut proposal = World::proposal(RESTORE, "");
    proposal["params"] = params.clone();
    for field in ["intent", "reasoning", "on_behalf_of"] {
        proposal[field] = json!(text);
    }
    proposal["sources"] = json!([{"uri": text}, {"uri": format!("javascript:{text}")}]);
    let answer = world.client(AGENT_TOKEN).propose(&proposal, &[("prefer", "wait=60")]).unwrap();
    Some(answer.text("/id")).filter(|_| answer.text("/status") == "waiting")
}

fn more_agents(dir: &Path) -> Result<()> {
    let file = dir.join("deed.toml");
    let mut text = std::fs::read_to_string(&file)?;
    let agent = |name: &str, token: &str| {
        let token = hash(token);
        format!(
            "\n[tenant.acme.agent.{name}]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{token}\"\n"
        )
    };
    text += &agent(AGENT, AGENT_TOKEN);
    for number in 0..MORE_AGENTS {
        text += &agent(&format!("helpdesk-{number:02}"), &format!("{AGENT_TOKEN}-{number}"));
    }
    Ok(std::fs::write(file, text)?)
}
