//! The list of the tools of an agent that has a thousand contracts: how long the answer takes, beside the shortest list
//! of the API in the same run, and how long the answer is.

use std::time::Instant;

use deed_benches::{median, report, rounded};
use deed_tests::client::{Answer, Client};
use deed_tests::host::Host;
use deed_tests::people::HELPDESK;
use deed_tests::services::Result;
use serde_json::json;

const REQUESTS: usize = 200;
const BYTES_MAX: usize = 4_000;
const P50_MAX_MS: f64 = 50.0;

pub(crate) fn measure(host: &Host) -> Result<()> {
    let client = Client::new(&host.url, HELPDESK);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let headers =
        [("accept", "application/json, text/event-stream"), ("mcp-protocol-version", "2025-11-25")];
    let body = body.to_string().into_bytes();
    let tools = || client.send("POST", "/mcp", &headers, body.clone());
    let bytes = tools()?.bytes.len();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        ours.push(timed(&tools)?);
        others.push(timed(&|| client.get("/v1/actions?limit=1"))?);
    }
    let (p50, other) = (median(ours.into_iter()), median(others.into_iter()));
    let figures = json!({
        "p50_ms": rounded(p50, 2),
        "ratio_to_actions": rounded(p50 / other, 2),
        "bytes": bytes,
    });
    let holds = p50 <= P50_MAX_MS && bytes <= BYTES_MAX;
    report("tools_list_1000", &figures, &[], "at most 50 ms and 4,000 bytes", holds)
}

/// The milliseconds that a request takes.
fn timed(send: &impl Fn() -> Result<Answer>) -> Result<f64> {
    let began = Instant::now();
    let answer = send()?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    if answer.status == 200 { Ok(took) } else { Err(answer.text("/detail").into()) }
}
