// Tool calls of models: from a call to a proposal, and from an answer to the result of the call.

import { DeedError } from "./errors.ts";
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

/** The model called what is not a tool, or with arguments that are not an object. */
export class CallError extends Error {}

export interface Named {
  name: string;
  arguments: unknown;
  id: string | undefined;
}

/** The name, the arguments and the id of a call. */
export function named(call: ToolCall): Named {
  if (call.function !== undefined) {
    return { name: call.function.name, arguments: call.function.arguments, id: call.id };
  }
  const given = call.arguments ?? call.input ?? call.args;
  if (call.name === undefined || given === undefined) {
    throw new CallError("this is not a tool call of OpenAI, Anthropic or LangChain");
  }
  return { name: call.name, arguments: given, id: call.call_id ?? call.id };
}

/** The arguments of a call, which some interfaces give as JSON text. */
export function parse(given: unknown): Arguments {
  const value = typeof given === "string" ? json(given || "{}") : given;
  if (!isObject(value)) throw new CallError("the arguments are not an object");
  return value;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CallError(`the arguments are not JSON: ${error}`);
  }
}

/**
 * The proposal of a call, and its idempotency key. Without a key of the model, the id of the call is the key: a call
 * that is carried out twice is then one action.
 */
export async function split(
  tools: ToolList,
  name: string,
  given: Arguments,
  id: string | undefined,
): Promise<{ proposal: Proposal; key: string | undefined }> {
  if (!Object.hasOwn(tools.contracts, name)) throw new CallError(`there is no tool \`${name}\``);
  const { intent, sources, expect, idempotency_key: key, params, ...rest } = given;
  const nested = isObject(params) ? { ...rest, ...params } : undefined;
  const flat = params === undefined ? rest : { ...rest, params };
  const proposal = { contract: tools.contracts[name], intent, sources, expect, params: nested ?? flat };
  return {
    // The host checks the types; members that are undefined are left out of the JSON.
    proposal: proposal as Proposal,
    key: typeof key === "string" && key !== "" ? key : id === undefined ? undefined : await keyOf(id),
  };
}

async function keyOf(id: string): Promise<string> {
  if (/^[!-~]{1,100}$/.test(id)) return `call-${id}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return `call-${hex.join("")}`;
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
    result: action.result,
    waits_for: action.obligations.length > 0 ? action.obligations : undefined,
    poll_after_ms: waiting ? 15_000 : over ? undefined : 1_000,
    why: action.reason,
    policies: policies(action),
  };
  return { content, isError: over && action.status !== "verified" };
}

/** The policies that denied the action, or that require the approvals for which it waits. */
function policies(action: Action): unknown {
  if (action.status !== "denied" && action.status !== "waiting") return undefined;
  return isObject(action["decision"]) ? action["decision"]["determining"] : undefined;
}

/** The result of a call that was refused. The pointers lead into the arguments as the model wrote them. */
export function ofError(error: DeedError | CallError, given: Arguments): ToolResult {
  if (!(error instanceof DeedError)) {
    const content = { refused: "this is not a call of a tool", why: error.message, again: "corrected" };
    return { content, isError: true };
  }
  const written = (pointer: string) => (isObject(given["params"]) ? pointer : pointer.replace(/^\/params/, ""));
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
  return { role: "tool", tool_call_id: named(call).id, content: JSON.stringify(result.content) };
}

/** An input item for Responses. */
export function openaiResponseOutput(call: ToolCall, result: ToolResult) {
  return { type: "function_call_output", call_id: named(call).id, output: JSON.stringify(result.content) };
}

/** A content block for Messages. */
export function anthropicResult(call: ToolCall, result: ToolResult) {
  return {
    type: "tool_result",
    tool_use_id: named(call).id,
    content: JSON.stringify(result.content),
    is_error: result.isError,
  };
}

/** The fields of a `ToolMessage`: `new ToolMessage(langchainResult(call, result))`. */
export function langchainResult(call: ToolCall, result: ToolResult) {
  return {
    content: JSON.stringify(result.content),
    tool_call_id: named(call).id ?? "",
    name: named(call).name,
    status: result.isError ? ("error" as const) : ("success" as const),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
