import { DeedError, WaitTimeout } from "./errors.ts";
import { CallError, isKey, KEY_FORM, named, ofAction, ofError, parse, split } from "./tools.ts";
import type { ToolCall } from "./tools.ts";
import { ended } from "./types.ts";
import type { Action, ActionSummary, Proposal, Status, ToolFormat, ToolList, ToolResult } from "./types.ts";

/** The host waits at most this long within one request. */
const WAIT_MAX_S = 50;
/** How often the client asks while people must approve, in milliseconds. */
const POLL_MS = 5_000;
/** The pauses in milliseconds before a request is sent again because the connection failed. */
const PAUSES_MS = [250, 1_000];

export interface ProposeOptions {
  /** 1 to 128 visible ASCII characters. Without a key, each call is a new action. */
  idempotencyKey?: string | undefined;
  /** How many seconds the host waits for the end of the action before it answers. */
  wait?: number | undefined;
}

export interface CallOptions {
  /**
   * The id of the conversation or run. Required unless the arguments have an `idempotency_key`: the key of the action
   * is then a digest of the scope, the id of the call, the name and the arguments. The id alone would not do, because
   * many servers number the calls of each conversation.
   */
  scope?: string | undefined;
  /** How many seconds the host waits for the end of the action before it answers. */
  wait?: number | undefined;
}

export interface WaitOptions {
  /** In milliseconds; without this limit, the wait ends when the action ends. */
  timeoutMs?: number;
  /** How often to ask while people must approve, in milliseconds; 5,000 by default. */
  pollMs?: number;
  /** Called once when people must approve; the `approve_url` of the action is a page for them. */
  onWaiting?: (action: Action) => void;
}

interface Sent {
  headers?: Record<string, string>;
  body?: unknown;
}

/**
 * A client with the token of one agent.
 *
 * Every method throws `DeedError` if the host refuses the request, and the error of `fetch` if the host cannot be
 * reached.
 */
export class Deed {
  readonly #url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;

  /** White space around the token is removed. Throws if it cannot be a token; no error contains the token. */
  constructor(url: string, token: string, options: { fetch?: typeof fetch } = {}) {
    this.#url = base(url);
    this.#token = checkedToken(token);
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** Proposes an action, and returns when it has ended, waits for people, or `wait` seconds have passed. */
  async propose(proposal: Proposal, options: ProposeOptions = {}): Promise<Action> {
    const key = options.idempotencyKey ?? crypto.randomUUID();
    if (!isKey(key)) throw new TypeError(`\`idempotencyKey\` ${KEY_FORM}`);
    const headers = { "Idempotency-Key": key, ...prefer(options.wait) };
    return this.#json<Action>("POST", "/v1/actions", { headers, body: proposal });
  }

  /** Proposes an action and waits for its end, as `propose` and `wait` do. */
  async proposeAndWait(proposal: Proposal, options: ProposeOptions & WaitOptions = {}): Promise<Action> {
    return this.wait(await this.propose(proposal, options), options);
  }

  /** Waits until the action has ended. Throws `WaitTimeout` if the time is over before. */
  async wait(action: Action | string, options: WaitOptions = {}): Promise<Action> {
    const end = Date.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    let view = typeof action === "string" ? await this.status(action) : action;
    let told = false;
    while (!ended(view)) {
      const left = end - Date.now();
      if (left <= 0) throw new WaitTimeout(view);
      if (view.status === "waiting") {
        if (!told) options.onWaiting?.(view);
        told = true;
        await sleep(Math.min(options.pollMs ?? POLL_MS, left));
      }
      const seconds = Math.max(1, Math.min(WAIT_MAX_S, Math.floor(left / 1_000)));
      view = await this.status(view.id, { wait: seconds });
    }
    return view;
  }

  /** The present view of an action. */
  async status(action: string, options: { wait?: number } = {}): Promise<Action> {
    return this.#json<Action>("GET", path(action), { headers: prefer(options.wait) });
  }

  /** The agent's actions, the newest first. */
  async list(
    filters: { status?: Status; resource?: string; trace?: string; limit?: number } = {},
  ): Promise<ActionSummary[]> {
    const given = Object.entries(filters).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const answer = await this.#json<{ actions: ActionSummary[] }>("GET", `/v1/actions?${query}`);
    return answer.actions;
  }

  /** Cancels an action that has not sent anything. */
  async cancel(action: string): Promise<Action> {
    return this.#json<Action>("POST", `${path(action)}/cancel`);
  }

  /** What a proposal would result in. Nothing is recorded or sent. */
  async explain(proposal: Proposal): Promise<Record<string, unknown>> {
    return this.#json<Record<string, unknown>>("POST", "/v1/explain", { body: proposal });
  }

  /** The agent's copy of the signed evidence of an ended action. */
  async bundle(action: string): Promise<Uint8Array> {
    const response = await this.#send("GET", `${path(action)}/bundle`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** The contracts as tool definitions. */
  async tools(format: ToolFormat): Promise<ToolList> {
    return this.#json<ToolList>("GET", `/v1/tools?format=${format}`);
  }

  /**
   * Carries out the tool call of a model. A refusal is a result too, so that the model can correct the call. Throws
   * `TypeError` if there is neither a scope nor an idempotency key.
   */
  async callTool(tools: ToolList, call: ToolCall, options: CallOptions = {}): Promise<ToolResult> {
    let given: Record<string, unknown> = {};
    try {
      const one = named(call);
      given = parse(one.arguments);
      const { proposal, key } = await split(tools, one, given, options.scope);
      return ofAction(await this.propose(proposal, { idempotencyKey: key, wait: options.wait }));
    } catch (error) {
      // The model cannot correct a failed connection.
      if (error instanceof DeedError || error instanceof CallError) return ofError(error, given);
      throw error;
    }
  }

  async #json<T>(method: string, target: string, sent: Sent = {}): Promise<T> {
    return (await (await this.#send(method, target, sent)).json()) as T;
  }

  async #send(method: string, target: string, sent: Sent = {}): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#token}`, ...sent.headers };
    const init: RequestInit = { method, headers, redirect: "error" };
    if (sent.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(sent.body);
    }
    // A repeated read changes nothing, and a repeated proposal with a key is the same action.
    const pauses = method === "GET" || "Idempotency-Key" in headers ? PAUSES_MS : [];
    const response = await this.#reached(this.#url + target, init, pauses);
    if (response.ok) return response;
    const body: unknown = await response.json().catch(() => undefined);
    throw new DeedError(response.status, body, response.headers.get("Retry-After"));
  }

  async #reached(url: string, init: RequestInit, pauses: number[]): Promise<Response> {
    for (const pause of pauses) {
      try {
        return await this.#fetch(url, init);
      } catch {
        await sleep(pause);
      }
    }
    return this.#fetch(url, init);
  }
}

/** The address of the host. Configurations of MCP clients have that of the MCP server, which is `/mcp` below it. */
function base(url: string): string {
  return url.replace(/\/+$/, "").replace(/(?<=[^/])\/mcp$/, "");
}

/** A header that `fetch` refuses would be in its error, so the token is checked before. */
function checkedToken(token: unknown): string {
  const stripped = typeof token === "string" ? token.trim() : "";
  if (!/^[!-~]+$/.test(stripped)) throw new TypeError("the token must be visible ASCII characters");
  return stripped;
}

function path(action: string): string {
  return `/v1/actions/${encodeURIComponent(action)}`;
}

function prefer(wait: number | undefined): Record<string, string> {
  return wait === undefined ? {} : { Prefer: `wait=${Math.min(Math.max(Math.trunc(wait), 0), WAIT_MAX_S)}` };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
