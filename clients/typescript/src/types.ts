// Types of requests and answers. Later versions of the host may add members.

export type Status =
  | "pending"
  | "waiting"
  | "running"
  | "verified"
  | "mismatch"
  | "denied"
  | "failed"
  | "indeterminate"
  | "expired"
  | "cancelled"
  | "rehearsed";

/** A ticket or document that the agent relies on. */
export interface Source {
  uri: string;
  sha256?: string;
}

export interface Proposal {
  contract: string;
  params: Record<string, unknown>;
  intent: string;
  sources?: Source[];
  expect?: Record<string, unknown>;
  reasoning?: string;
  on_behalf_of?: string;
  environment?: string;
  /** Whether the host only rehearses the action: it sends no write and asks nobody. */
  dry_run?: boolean;
}

/** One write of a plan. The agent sees no values. */
export interface PlannedRequest {
  method: string;
  upstream: string;
  /** The request as the contract and the parameters determine it. */
  request: string;
  /** JSON pointers into the body. */
  changed: string[];
  optional?: boolean;
  /** Whether no attempt of a real action sent the write. */
  unsent?: boolean;
}

/** One action as the agent may see it; `docs/openapi.json` describes all members (`View`). */
export interface Action {
  id: string;
  status: Status;
  contract: string;
  resource: string;
  obligations: string[];
  outcome?: Status;
  reason?: string;
  outputs?: Record<string, unknown>;
  /** The secrets that the upstreams created, and whether the host stored them. Their values are not shown. */
  secrets?: { name: string; stored: boolean }[];
  result?: Record<string, unknown>;
  expires_ms?: number;
  /** A page for the people who approve, while the action waits. The page cannot approve. */
  approve_url?: string;
  dry_run?: boolean;
  /** The planned writes of an ended action, if the contract is open. */
  plan?: PlannedRequest[];
  [member: string]: unknown;
}

export interface ActionSummary {
  id: string;
  status: Status;
  contract: string;
  resource: string;
  agent: string;
  at_ms: number;
}

export type ToolFormat =
  | "openai"
  | "openai-responses"
  | "anthropic"
  | "gemini"
  | "mcp"
  | "langchain";

/** Tool definitions, and the name of the contract of each tool by the name of the tool. */
export interface ToolList {
  tools: Record<string, unknown>[];
  contracts: Record<string, string>;
}

/** What a model gets as the result of a tool call. */
export interface ToolResult {
  content: Record<string, unknown>;
  isError: boolean;
}

/** Whether the action has ended. The status is then the outcome. */
export function ended(action: Action): boolean {
  return !["pending", "waiting", "running"].includes(action.status);
}
