//! The official Rust client, over stdin and stdout of `deed mcp`. It carries out the same calls as the programs, and
//! reports the same members; see tests/mcp/flow.py.

mod steps;

use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deed_tests::host;
use deed_tests::world::HELPDESK;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientConfig, ContentBlock, ProtocolVersion,
    ReadResourceRequestParams,
};
use rmcp::service::RunningService;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use self::steps::Steps;
use super::programs::NEW;

type Client = RunningService<RoleClient, ClientConfig>;

const OPEN: [&str; 3] = ["pending", "running", "waiting"];
/// How long the client waits for an answer if the steps set no time, and for the end of an action.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Starts a client on a thread of its own. `more` has the arguments that the programs take.
pub(super) fn start(
    url: &str,
    revision: &'static str,
    tool: &str,
    arguments: &Value,
    more: &[&str],
) -> JoinHandle<Value> {
    let (url, tool) = (url.trim_end_matches("/mcp").to_owned(), tool.to_owned());
    let (arguments, steps) = (arguments.clone(), Steps::of(more));
    thread::spawn(move || {
        Runtime::new().unwrap().block_on(run(&url, revision, &tool, &arguments, &steps))
    })
}

async fn run(url: &str, revision: &str, tool: &str, arguments: &Value, steps: &Steps) -> Value {
    let mut bridge = bridge(url);
    let transport = (bridge.stdout.take().unwrap(), bridge.stdin.take().unwrap());
    let (lifecycle, version) = lifecycle(revision);
    let config = ClientConfig::default().with_protocol_version(version);
    let client = config.serve_with_lifecycle(transport, lifecycle).await.unwrap();
    let saw = flow(&client, tool, arguments, steps).await;
    // The bridge ends when its stdin is closed and every answer is written.
    client.cancel().await.unwrap();
    assert!(timeout(PATIENCE, bridge.wait()).await.unwrap().unwrap().success());
    saw
}

/// The process that the client speaks to. The process ends with this value.
fn bridge(url: &str) -> Child {
    Command::new(host::binary().unwrap())
        .args(["mcp", "--url", url])
        .env("DEED_TOKEN", HELPDESK)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// How the client begins, and the revision that it offers: the older revision begins with `initialize`.
fn lifecycle(revision: &str) -> (ClientLifecycleMode, ProtocolVersion) {
    if revision == NEW {
        let new = ProtocolVersion::V_2026_07_28;
        (ClientLifecycleMode::Discover { preferred_versions: vec![new.clone()] }, new)
    } else {
        (ClientLifecycleMode::Initialize, ProtocolVersion::V_2025_11_25)
    }
}

async fn flow(client: &Client, tool: &str, arguments: &Value, steps: &Steps) -> Value {
    let tools = client.list_all_tools().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    let revision = client.peer_info().unwrap().protocol_version.to_string();
    let mut saw = json!({"client": "rust", "revision": revision, "tools": names});
    let mut last = ask(client, tool, arguments, steps.cut).await;
    saw["first"] = last.clone();
    if steps.again {
        last = ask(client, tool, &steps.changed(arguments), None).await;
        saw["again"] = last.clone();
    }
    if steps.polls {
        let (end, polls) = polled(client, last).await;
        last = end;
        (saw["last"], saw["polls"]) = (last.clone(), json!(polls));
    }
    if let (Some(name), Some(link)) = (&steps.read, last["links"][0].as_str()) {
        saw["read"] = read(client, link, name).await;
    }
    saw
}

/// One call. A call that takes longer than `cut` is cancelled.
async fn ask(client: &Client, tool: &str, arguments: &Value, cut: Option<Duration>) -> Value {
    let arguments = arguments.as_object().unwrap().clone();
    let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    match timeout(cut.unwrap_or(PATIENCE), client.call_tool(params)).await {
        Err(_elapsed) => json!({"cut": true}),
        Ok(Err(error)) => json!({"refused": error.to_string()}),
        Ok(Ok(result)) => shown(&result),
    }
}

fn shown(result: &CallToolResult) -> Value {
    let links: Vec<&str> = result.content.iter().filter_map(link).collect();
    let texts: Vec<&str> = result.content.iter().filter_map(text).collect();
    json!({
        "error": result.is_error.unwrap_or(false),
        "structured": result.structured_content,
        "links": links,
        "text": texts.join("\n"),
    })
}

fn link(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::ResourceLink(resource) => Some(&resource.uri),
        _ => None,
    }
}

fn text(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::Text(text) => Some(&text.text),
        _ => None,
    }
}

/// Asks for the status until the action has ended. Returns the last result, and how often the client asked.
async fn polled(client: &Client, first: Value) -> (Value, u64) {
    let end = Instant::now() + PATIENCE;
    let (mut last, mut polls) = (first, 0);
    while let Some(action) = open(&last).filter(|_| Instant::now() < end) {
        let pause = last["structured"]["poll_after_ms"].as_u64().unwrap_or(500);
        sleep(Duration::from_millis(pause).min(PAUSE_MAX)).await;
        last = ask(client, "deed_status", &json!({"action": action, "wait_s": 1}), None).await;
        polls += 1;
    }
    (last, polls)
}

/// The id of the action if it has not ended.
fn open(result: &Value) -> Option<String> {
    let structured = &result["structured"];
    let status = structured["status"].as_str()?;
    OPEN.contains(&status).then(|| structured["action"].as_str().map(str::to_owned))?
}

/// The content of the resource with this name beside the resource of a link.
async fn read(client: &Client, link: &str, name: &str) -> Value {
    let (base, _) = link.rsplit_once('/').unwrap();
    let params = ReadResourceRequestParams::new(format!("{base}/{name}"));
    let read = client.read_resource(params).await.unwrap();
    serde_json::to_value(&read.contents[0]).unwrap()
}
