import type { Action } from "./types.ts";

/** One wrong place of a request: a JSON pointer into the body, and the reason. */
export interface Fault {
  pointer: string;
  reason: string;
}

interface Problem {
  title?: string;
  detail?: string;
  errors?: Fault[];
  limit?: string;
}

/** The host refused a request. The fields are those of the problem document (RFC 9457). */
export class DeedError extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors: Fault[];
  readonly limit: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(status: number, body: unknown, retryAfter: string | null) {
    const problem: Problem = typeof body === "object" && body !== null ? body : {};
    const title = problem.title ?? "no problem document";
    super(`${status} ${title}: ${problem.detail ?? ""}`);
    this.name = "DeedError";
    this.status = status;
    this.title = title;
    this.detail = problem.detail ?? "";
    this.errors = problem.errors ?? [];
    this.limit = problem.limit;
    this.retryAfter = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  }

  /** Whether the same call can succeed: `later`, `corrected`, `depends` on what `detail` says, or `no`. */
  get again(): "later" | "corrected" | "depends" | "no" {
    if (this.retryAfter !== undefined) return "later";
    if (this.status === 400 || this.status === 422) return "corrected";
    return this.status === 409 ? "depends" : "no";
  }
}

/** The action had not ended when the time was over. The action continues; `action` is its last view. */
export class WaitTimeout extends Error {
  readonly action: Action;

  constructor(action: Action) {
    super(`${action.id} is still \`${action.status}\``);
    this.name = "WaitTimeout";
    this.action = action;
  }
}
