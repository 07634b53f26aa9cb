// One journey through a running host. The test of the host starts this script with the addresses in the environment.
// Whenever the script prints `approve ID`, the test approves that action as a person.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

import {
  anthropicResult,
  Deed,
  DeedError,
  langchainResult,
  loadVerifier,
  openaiResponseOutput,
  openaiResult,
  VerifierError,
  WaitTimeout,
} from "../src/index.ts";
import type { Action, Status, ToolCall, ToolFormat } from "../src/index.ts";
import { ofAction } from "../src/tools.ts";

const url = process.env["DEED_URL"] ?? "";
const token = process.env["DEED_TOKEN"] ?? "";
const user = process.env["LOCKED_OUT"] ?? "";
const sources = [{ uri: "ticket:4711" }];
const intent = "the user is locked out and has proved who they are";
const formats: ToolFormat[] = ["openai", "openai-responses", "anthropic", "gemini", "mcp", "langchain"];
const deed = new Deed(url, ` ${token}\n`);

function approve(action: Action): void {
  assert.equal(action.status, "waiting");
  assert.deepEqual(action.obligations, ["approve:1:support-lead"]);
  // People reach a host on loopback by name, because passkeys belong to a name.
  const page = url.replace("127.0.0.1", "localhost");
  assert.equal(action.approve_url, `${page}/actions/${action.id}`);
  console.log(`approve ${action.id}`);
}

function openaiCall(id: string, more: Record<string, unknown> = {}) {
  const given = { user_id: id, intent, sources, ...more };
  return { id: `call_ts_${id}`, function: { name: "idp_read_user", arguments: JSON.stringify(given) } };
}

for (const format of formats) {
  const listed = await deed.tools(format);
  assert.equal(listed.contracts["idp_restore_access"], "idp.restore_access", format);
  assert.ok(JSON.stringify(listed.tools).includes("idp_restore_access"), format);
}

const tools = await deed.tools("openai");
const call = openaiCall(user);
const good = await deed.callTool(tools, call, { scope: "run-1", wait: 30 });
assert.equal(good.content["status"], "verified", JSON.stringify(good));
assert.equal(good.isError, false);
const again = await deed.callTool(tools, call, { scope: "run-1", wait: 30 });
assert.equal(again.content["action"], good.content["action"]);
const other = await deed.callTool(tools, call, { scope: "run-2", wait: 30 });
const more = openaiCall(user, { intent: "another intent" });
const changed = await deed.callTool(tools, more, { scope: "run-1", wait: 30 });
assert.equal(new Set([good, other, changed].map((one) => one.content["action"])).size, 3);
const keyed = openaiCall(user, { idempotency_key: `ts-${user}` });
assert.equal((await deed.callTool(tools, keyed, { wait: 30 })).content["status"], "verified");
await assert.rejects(deed.callTool(tools, call), { name: "TypeError", message: /scope/ });
const bad = await deed.callTool(tools, openaiCall("short", { admin: true }), { scope: "run-1" });
assert.equal(bad.content["again"], "corrected");
const pointers = (bad.content["errors"] as { pointer: string }[]).map((one) => one.pointer);
assert.deepEqual(pointers.sort(), ["/admin", "/user_id"]);
assert.equal((await deed.callTool(tools, { ...call, function: { name: "rm", arguments: "{}" } })).isError, true);
assert.equal((await deed.callTool(tools, { ...call, function: { name: "rm", arguments: "{" } })).isError, true);

// Calls that the host must not see, each with the pointer of the refusal.
const deep = "[".repeat(100_000) + "]".repeat(100_000);
const badCalls: [Record<string, unknown>, string][] = [
  [{ arguments: '{"idempotency_key": 7}' }, "/idempotency_key"],
  [{ arguments: '{"idempotency_key": null}' }, "/idempotency_key"],
  [{ arguments: '{"idempotency_key": ""}' }, "/idempotency_key"],
  [{ arguments: { idempotency_key: "a\n" } }, "/idempotency_key"],
  [{ arguments: { idempotency_key: "\u00e9" } }, "/idempotency_key"],
  [{ arguments: { idempotency_key: "k".repeat(129) } }, "/idempotency_key"],
  [{ arguments: "[1]" }, ""],
  [{ arguments: 7 }, ""],
  [{ arguments: "{" }, ""],
  [{ arguments: `{"a": ${deep}}` }, ""],
  [{ arguments: `{"a": ${"[".repeat(100)}${"]".repeat(100)}}` }, ""],
  [{ arguments: '{"a": 1e999}' }, "/a"],
  [{ arguments: '{"a": [0, {"b/c": 1, "b/c": 2}]}' }, "/a/1/b~1c"],
  [{ name: ["x"] }, "/name"],
  [{ name: "rm" }, "/name"],
  [{ call_id: 7 }, "/call_id"],
  [{ arguments: null }, "/arguments"],
];
for (const [more, pointer] of badCalls) {
  const made = { name: "idp_read_user", arguments: "{}", call_id: "call_0", ...more } as ToolCall;
  const result = await deed.callTool(tools, made, { scope: "run-1" });
  const what = JSON.stringify(result);
  assert.equal(result.content["again"], "corrected", what);
  assert.deepEqual((result.content["errors"] as { pointer: string }[]).map((one) => one.pointer), [pointer], what);
  assert.equal(openaiResponseOutput(made, result).call_id, made.call_id);
}

// `params` beside another parameter is not merged with it.
const beside = await deed.callTool(tools, openaiCall("short", { params: { user_id: user } }), { scope: "run-1" });
assert.ok((beside.content["errors"] as { pointer: string }[]).some((one) => one.pointer === "/params"));

for (const wrongToken of ["deed_a\nb", "deed_\u00e9", "", " "]) {
  assert.throws(() => new Deed(url, wrongToken), { message: "the token must be visible ASCII characters" });
}

// The address of the MCP server names its host.
for (const address of [`${url}/`, `${url}/mcp`, `${url}/mcp/`]) await new Deed(address, token).list();

// A result names only the policies that denied the action or that require its approvals.
for (const [status, verdict, expected] of [
  ["waiting", "ask", ["a"]],
  ["denied", "deny", ["a", "b"]],
  ["denied", "ask", undefined],
  ["verified", "allow", undefined],
] as [Status, string, string[] | undefined][]) {
  const obligations = [{ count: 1, role: "lead", policy: "a" }];
  const decision = { verdict, determining: ["a", "b"], obligations };
  const about = { id: "act_1", status, contract: "c", resource: "r", obligations: [] };
  const { content } = ofAction({ ...about, approve_url: "u", decision });
  assert.deepEqual(content["policies"], expected, `${status} ${verdict}`);
  assert.equal(content["approve_url"], "u");
}

// While people must approve, the client asks every 5 seconds.
const pauses: (number | undefined)[] = [];
const { setTimeout: realTimeout } = globalThis;
globalThis.setTimeout = ((done: () => void, ms?: number) => {
  // A request of an earlier check may still set a timer of its own.
  if (ms === 5_000) pauses.push(ms);
  return realTimeout(done, ms === 5_000 ? 0 : ms);
}) as typeof setTimeout;
const quick = new Deed(url, token, { fetch: async () => Response.json({ id: "act_1", status: "verified" }) });
await quick.wait({ id: "act_1", status: "waiting", contract: "c", resource: "r", obligations: [] });
globalThis.setTimeout = realTimeout;
assert.deepEqual(pauses, [5_000]);

// Reads and proposals are sent again; a cancellation and an explanation are not.
let sent = 0;
const broken = new Deed(url, token, {
  fetch: () => {
    sent += 1;
    return Promise.reject(new TypeError("lost"));
  },
});
const lost = { contract: "c", params: {}, intent: "i" };
for (const [request, times] of [
  [() => broken.status("a"), 3],
  [() => broken.propose(lost), 3],
  [() => broken.cancel("a"), 1],
  [() => broken.explain(lost), 1],
] as const) {
  sent = 0;
  await assert.rejects(request(), { message: "lost" });
  assert.equal(sent, times, String(request));
}
assert.equal(openaiResult(call, good).tool_call_id, call.id);
assert.equal(openaiResponseOutput({ call_id: "c1", name: "x", arguments: "{}" }, good).call_id, "c1");
assert.equal(anthropicResult({ id: "t1", name: "x", input: {} }, bad).is_error, true);
assert.equal(langchainResult({ id: "l1", name: "x", args: {} }, bad).status, "error");

const proposal = { contract: "idp.restore_access", params: { user_id: user }, intent, sources };
const told = (await deed.explain(proposal)) as { decision: { verdict: string } };
assert.equal(told.decision.verdict, "ask");
const tried = await deed.propose({ ...proposal, dry_run: true });
assert.deepEqual([tried.status, tried.dry_run], ["rehearsed", true], JSON.stringify(tried));
const key = { idempotencyKey: `ts-parked-${user}` };
const parked = await deed.propose(proposal, key);
assert.equal((await deed.propose(proposal, key)).id, parked.id);
await assert.rejects(deed.wait(parked, { timeoutMs: 200, pollMs: 100 }), WaitTimeout);
assert.equal((await deed.cancel(parked.id)).status, "cancelled");
const end = await deed.proposeAndWait(proposal, { onWaiting: approve, pollMs: 200, timeoutMs: 60_000 });
assert.equal(end.status, "verified", JSON.stringify(end));
assert.equal((await deed.status(end.id)).outcome, "verified");
assert.ok((await deed.list({ status: "verified", limit: 5 })).some((one) => one.id === end.id));

// The verifier decides with the keys of the trust directory alone. A changed bundle fails.
const verifier = await loadVerifier(readFileSync(process.env["DEED_VERIFIER"] ?? ""));
const dir = process.env["DEED_TRUST"] ?? "";
const trust = Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(`${dir}/${name}`, "utf8")]));
const bundle = await deed.bundle(end.id);
const checked = verifier.verify(bundle, trust);
assert.equal(checked.verdict, "signatures_only", JSON.stringify(checked.report));
assert.deepEqual([checked.exitCode, checked.report.action, checked.report.outcome], [3, end.id, "verified"]);
const altered = bundle.slice();
altered[altered.length >> 1]! ^= 1;
const refused = verifier.verify(altered, trust);
assert.deepEqual([refused.verdict, refused.exitCode], ["failed", 1], JSON.stringify(refused.report));
assert.equal(verifier.verify(bundle, {}).verdict, "unverifiable");
for (const wrong of [{ "receipt.pub": "a key" }, { "log.vkey": "x".repeat(17 << 20) }]) {
  assert.throws(() => verifier.verify(bundle, wrong), VerifierError);
}

const wrong = { contract: "idp.read_user", params: { user_id: "short" }, intent };
await assert.rejects(deed.propose(wrong), (error: unknown) => {
  assert.ok(error instanceof DeedError);
  assert.equal(error.status, 422);
  assert.deepEqual(error.errors.map((one) => one.pointer), ["/params/user_id"]);
  return true;
});
await assert.rejects(new Deed(url, "deed_wrong").list(), (error: unknown) => {
  return error instanceof DeedError && error.status === 401;
});
console.log("done");
