// One journey through a running host. The test of the host starts this script with the addresses in the environment.
// Whenever the script prints `approve ID`, the test approves that action as a person.

import assert from "node:assert/strict";
import process from "node:process";

import {
  anthropicResult,
  Deed,
  DeedError,
  langchainResult,
  openaiResponseOutput,
  openaiResult,
  WaitTimeout,
} from "../src/index.ts";
import type { Action, ToolFormat } from "../src/index.ts";

const url = process.env["DEED_URL"] ?? "";
const token = process.env["DEED_TOKEN"] ?? "";
const user = process.env["LOCKED_OUT"] ?? "";
const sources = [{ uri: "ticket:4711" }];
const intent = "the user is locked out and has proved who they are";
const formats: ToolFormat[] = ["openai", "openai-responses", "anthropic", "gemini", "mcp", "langchain"];
const deed = new Deed(url, token);

function approve(action: Action): void {
  assert.equal(action.status, "waiting");
  assert.deepEqual(action.obligations, ["approve:1:support-lead"]);
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
const good = await deed.callTool(tools, call, { wait: 30 });
assert.equal(good.content["status"], "verified", JSON.stringify(good));
assert.equal(good.isError, false);
const again = await deed.callTool(tools, call, { wait: 30 });
assert.equal(again.content["action"], good.content["action"]);
const bad = await deed.callTool(tools, openaiCall("short", { admin: true }));
assert.equal(bad.content["again"], "corrected");
const pointers = (bad.content["errors"] as { pointer: string }[]).map((one) => one.pointer);
assert.deepEqual(pointers.sort(), ["/admin", "/user_id"]);
assert.equal((await deed.callTool(tools, { ...call, function: { name: "rm", arguments: "{}" } })).isError, true);
assert.equal((await deed.callTool(tools, { ...call, function: { name: "rm", arguments: "{" } })).isError, true);
assert.equal(openaiResult(call, good).tool_call_id, call.id);
assert.equal(openaiResponseOutput({ call_id: "c1", name: "x", arguments: "{}" }, good).call_id, "c1");
assert.equal(anthropicResult({ id: "t1", name: "x", input: {} }, bad).is_error, true);
assert.equal(langchainResult({ id: "l1", name: "x", args: {} }, bad).status, "error");

const proposal = { contract: "idp.restore_access", params: { user_id: user }, intent, sources };
const told = (await deed.explain(proposal)) as { decision: { verdict: string } };
assert.equal(told.decision.verdict, "ask");
const key = { idempotencyKey: `ts-parked-${user}` };
const parked = await deed.propose(proposal, key);
assert.equal((await deed.propose(proposal, key)).id, parked.id);
await assert.rejects(deed.wait(parked, { timeoutMs: 200, pollMs: 100 }), WaitTimeout);
assert.equal((await deed.cancel(parked.id)).status, "cancelled");
const end = await deed.proposeAndWait(proposal, { onWaiting: approve, pollMs: 200, timeoutMs: 60_000 });
assert.equal(end.status, "verified", JSON.stringify(end));
assert.equal((await deed.status(end.id)).outcome, "verified");
assert.ok((await deed.list({ status: "verified", limit: 5 })).some((one) => one.id === end.id));
assert.deepEqual([...(await deed.bundle(end.id)).slice(0, 2)], [0x50, 0x4b]);

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
