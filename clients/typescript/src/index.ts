// Client of the deed HTTP API for agents.

export { Deed } from "./client.ts";
export type { CallOptions, ProposeOptions, WaitOptions } from "./client.ts";
export { DeedError, WaitTimeout } from "./errors.ts";
export type { Fault } from "./errors.ts";
export { ended } from "./types.ts";
export type {
  Action,
  ActionSummary,
  PlannedRequest,
  Proposal,
  Source,
  Status,
  ToolFormat,
  ToolList,
  ToolResult,
} from "./types.ts";
export { anthropicResult, langchainResult, openaiResponseOutput, openaiResult } from "./tools.ts";
export type { ToolCall } from "./tools.ts";
export { verifyWebhook, WebhookError } from "./webhooks.ts";
export type { WebhookMessage, WebhookOptions } from "./webhooks.ts";
export { loadVerifier, Verifier, VerifierError } from "./verify.ts";
export type { Report, Verdict, Verification } from "./verify.ts";
