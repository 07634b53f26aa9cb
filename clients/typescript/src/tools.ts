// Tool calls of models: from a call to a proposal, and from an answer to the result of the call.

import { DeedError } from "./errors.ts";
import type { Fault } from "./errors.ts";
import { ended } from "./types.ts";
import type { Action, Proposal, ToolList, ToolResult } from "./types.ts";

/** A tool call of OpenAI (Chat Completions or Responses), Anthropic or LangChain. */
export interface ToolCall {
  id?: string | undefined;
  call_id?: string | undefined;
  name?: string | undefined;
  function?: { name: string; arguments: string } | undefined;
  arguments?: string | undefined;
  input?: unknown;
  args?: unknown;
}

type Arguments = Record<string, unknown>;

const KEY = "idempotency_key";
/** The host reads JSON of at most 128 levels; the arguments are a part of the request. */
const DEPTH_MAX = 100;
export const KEY_FORM = "must be 1 to 128 visible ASCII characters";

/** The call cannot be sent. The pointer leads into the arguments, or into the call itself. */
export class CallError extends Error {
  readonly title: string;
  readonly fault: Fault;

  constructor(title: string, why: string, fault: Fault) {
    super(why);
    this.title = title;
    this.fault = fault;
  }
}

function notACall(pointer: string, reason: string): CallError {
  return new CallError("this is not a call of a tool", reason, { pointer, reason });
}

function notValid(pointer: string, reason: string): CallError {
  const what = pointer === "" ? "the arguments" : `\`${pointer}\``;
  return new CallError("the arguments are not valid", `${what} ${reason}`, { pointer, reason });
}

/** A call whose name and id have the right types. */
export interface Named {
  name: string;
  namePointer: string;
  arguments: unknown;
  id: string | undefined;
}

/** The name, the arguments and the id of a call. Throws `CallError` if it is not a call: a model may have made it. */
export function named(call: ToolCall): Named {
  const outer: Arguments = isObject(call) ? call : {};
  const within = (outer["function"] ?? undefined) !== undefined;
  const base = within ? "/function" : "";
  const inner = within ? outer["function"] : outer;
  const holder: Arguments = isObject(inner) ? inner : {};
  const given = within ? holder["arguments"] : (holder["arguments"] ?? holder["input"] ?? holder["args"]);
  if (given === undefined || given === null) {
    throw notACall(`${base}/arguments`, "this is not a tool call of OpenAI, Anthropic or LangChain");
  }
  const name = holder["name"];
  if (typeof name !== "string") throw notACall(`${base}/name`, "the name is not a text");
  const id = idOf(call) ?? undefined;
  if (id !== undefined && typeof id !== "string") {
    throw notACall((outer["call_id"] ?? undefined) === undefined ? "/id" : "/call_id", "the id is not a text");
  }
  return { name, namePointer: `${base}/name`, arguments: given, id };
}

/** The id of a call. At run time it may have any type, if the call is not valid. */
function idOf(call: ToolCall): string | undefined {
  if (typeof call !== "object" || call === null) return undefined;
  return (call.function ?? undefined) === undefined ? (call.call_id ?? call.id) : call.id;
}

/** The arguments of a call, which some interfaces give as JSON text. */
export function parse(given: unknown): Arguments {
  const value = typeof given === "string" ? json(given || "{}") : given;
  if (!isObject(value)) throw notValid("", "are not an object");
  check(value);
  return value;
}

function json(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notValid("", `are not JSON: ${error}`);
  }
  once(text);
  return value;
}

/** Checks that no object in a valid JSON text has a name twice; `JSON.parse` would keep only the last value. */
function once(text: string): void {
  const open: { names: Set<string> | undefined; at: string | number; isName: boolean }[] = [];
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g)) {
    const top = open.at(-1);
    if (token === "{") open.push({ names: new Set(), at: "", isName: true });
    else if (token === "[") open.push({ names: undefined, at: 0, isName: false });
    else if (token === "}" || token === "]") open.pop();
    else if (token === "," && top !== undefined) {
      if (typeof top.at === "number") top.at += 1;
      else top.isName = true;
    } else if (top?.isName && top.names !== undefined) {
      const name = JSON.parse(token) as string;
      top.at = name;
      top.isName = false;
      if (top.names.has(name)) {
        const pointer = open.reduce((outer, one) => child(outer, one.at), "");
        throw notValid(pointer, "occurs twice");
      }
      top.names.add(name);
    }
    if (open.length > DEPTH_MAX) throw notValid("", `have more than ${DEPTH_MAX} levels`);
  }
}

/** Checks that the arguments can be sent as they are. Does not recurse, because a model chooses the depth. */
function check(given: Arguments): void {
  const open: [string, number, unknown][] = [["", 1, given]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [pointer, depth, value] = next;
    if (depth > DEPTH_MAX) throw notValid("", `have more than ${DEPTH_MAX} levels`);
    if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) open.push([child(pointer, name), depth + 1, inner]);
    } else if (typeof value === "number" && !Number.isFinite(value)) {
      throw notValid(pointer, "is not a number of JSON");
    } else if (["bigint", "function", "symbol"].includes(typeof value)) {
      throw notValid(pointer, "is not a value of JSON");
    }
  }
}

function child(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/**
 * The proposal of a call, and its idempotency key: the one in the arguments, or one for the call in this scope.
 * Throws `CallError` if the model must correct the call, and `TypeError` if there is neither a key nor a scope.
 */
export async function split(
  tools: ToolList,
  call: Named,
  given: Arguments,
  scope: string | undefined,
): Promise<{ proposal: Proposal; key: string | undefined }> {
  if (!Object.hasOwn(tools.contracts, call.name)) throw notACall(call.namePointer, "there is no such tool");
  const { [KEY]: written, intent, sources, expect } = given;
  if (written !== undefined && !isKey(written)) throw notValid(`/${KEY}`, KEY_FORM);
  const key = written ?? (await keyOf(scope, call, given));
  const rest = parameters(given);
  const params = isNested(given) ? rest["params"] : rest;
  const proposal = { contract: tools.contracts[call.name], intent, sources, expect, params };
  // The host checks the types; members that are undefined are left out of the JSON.
  return { proposal: proposal as Proposal, key };
}

function parameters(given: Arguments): Arguments {
  const { intent, sources, expect, [KEY]: key, ...rest } = given;
  return rest;
}

/** Whether `params` holds all parameters. Beside other parameters, it is sent as one of them; the host refuses it. */
function isNested(given: Arguments): boolean {
  const names = Object.keys(parameters(given));
  return names.length === 1 && names[0] === "params";
}

export function isKey(key: unknown): key is string {
  return typeof key === "string" && /^[!-~]{1,128}$/.test(key);
}

/**
 * The key of a call without a key in its arguments, or `undefined` if the call has no id.
 *
 * The id alone is not enough: many servers number the calls of each conversation (`call_0`, `call_1`), so the call of
 * another conversation would get the answer for an earlier action. The scope distinguishes conversations; the name and
 * the arguments distinguish the calls of a server that uses an id twice in one conversation.
 */
async function keyOf(scope: unknown, call: Named, given: Arguments): Promise<string | undefined> {
  if (typeof scope !== "string" || scope === "") {
    throw new TypeError("`callTool` needs a `scope`: the arguments have no idempotency key");
  }
  if (!call.id) return undefined;
  const text = canonical([scope, call.id, call.name, given]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return `call-${hex.join("")}`;
}

/** JSON with sorted names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** The result of a call, with the members of the structured result that deed's MCP tools have. */
export function ofAction(action: Action): ToolResult {
  const waiting = action.status === "waiting";
  const over = ended(action);
  const content = {
    action: action.id,
    status: action.status,
    outcome: action.outcome,
    outputs: action.outputs,
    secrets: secrets(action),
    result: action.result,
    waits_for: action.obligations.length > 0 ? action.obligations : undefined,
    approve_url: action.approve_url,
    poll_after_ms: waiting ? 15_000 : over ? undefined : 1_000,
    why: action.reason,
    policies: policies(action),
  };
  return { content, isError: over && action.status !== "verified" };
}

/** The secrets that the upstreams created, such as `secret access_key stored`. Their values are not shown. */
function secrets(action: Action): string[] | undefined {
  return action.secrets?.map((one) => `secret ${one.name} ${one.stored ? "stored" : "not stored"}`);
}

/**
 * The policies that denied the action, or that require the approvals for which it waits. Undefined if policy did not
 * deny the action, but a condition of the contract or a person did.
 */
function policies(action: Action): unknown[] | undefined {
  const decision = action["decision"];
  if (!isObject(decision)) return undefined;
  const list = (name: string): unknown[] => (Array.isArray(decision[name]) ? decision[name] : []);
  let found: unknown[] = [];
  if (action.status === "denied" && decision["verdict"] === "deny") found = list("determining");
  if (action.status === "waiting" && decision["verdict"] === "ask") {
    found = list("obligations").map((one) => (isObject(one) ? one["policy"] : undefined));
  }
  return found.length > 0 ? found : undefined;
}

/** The result of a call that was refused. The pointers lead into the arguments as the model wrote them. */
export function ofError(error: DeedError | CallError, given: Arguments): ToolResult {
  if (!(error instanceof DeedError)) {
    const content = { refused: error.title, why: error.message, again: "corrected", errors: [error.fault] };
    return { content, isError: true };
  }
  const nested = isNested(given);
  const written = (pointer: string) => (nested ? pointer : pointer.replace(/^\/params(?=\/|$)/, ""));
  const errors = error.errors.map((one) => ({ pointer: written(one.pointer), reason: one.reason }));
  const content = {
    refused: error.title,
    why: error.detail,
    again: error.again,
    errors: errors.length > 0 ? errors : undefined,
    limit: error.limit,
    retry_after_ms: error.retryAfter === undefined ? undefined : error.retryAfter * 1_000,
  };
  return { content, isError: true };
}

/** A message for Chat Completions. */
export function openaiResult(call: ToolCall, result: ToolResult) {
  return { role: "tool", tool_call_id: idOf(call), content: JSON.stringify(result.content) };
}

/** An input item for Responses. */
export function openaiResponseOutput(call: ToolCall, result: ToolResult) {
  return { type: "function_call_output", call_id: idOf(call), output: JSON.stringify(result.content) };
}

/** A content block for Messages. */
export function anthropicResult(call: ToolCall, result: ToolResult) {
  return {
    type: "tool_result",
    tool_use_id: idOf(call),
    content: JSON.stringify(result.content),
    is_error: result.isError,
  };
}

/** The fields of a `ToolMessage`: `new ToolMessage(langchainResult(call, result))`. */
export function langchainResult(call: ToolCall, result: ToolResult) {
  return {
    content: JSON.stringify(result.content),
    tool_call_id: idOf(call) ?? "",
    name: (call?.function ?? call)?.name ?? "",
    status: result.isError ? ("error" as const) : ("success" as const),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
