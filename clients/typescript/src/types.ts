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
  | "cancelled";

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
  result?: Record<string, unknown>;
  expires_ms?: number;
  /** A page for the people who approve, while the action waits. The page cannot approve. */
  approve_url?: string;
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
