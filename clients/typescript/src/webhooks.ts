// Verification of the host's webhooks (Standard Webhooks 1.0.0).

/** A message whose attempt is further from now than this, in seconds, is refused. */
const TOLERANCE_S = 300;
const PREFIX = "whsec_";
/** The lengths of a key after the prefix, and of any other secret, in bytes. The host accepts no others. */
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;
const SECRET_BYTES_MIN = 16;
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** A message of the host. */
export interface WebhookMessage {
  /** Such as `action.ended`. */
  type: string;
  /** When the event happened, as in RFC 3339. */
  timestamp: string;
  data: Record<string, unknown>;
}

export interface WebhookOptions {
  /** How far the time of the attempt may be from now, in seconds; 300 by default. */
  toleranceS?: number;
  /** The present time in seconds; that of the system by default. */
  nowS?: number;
}

/** The message is not one that a holder of the secret sent just now. The error does not contain the secret. */
export class WebhookError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WebhookError";
  }
}

/**
 * The message of a webhook, if its signature is valid and its attempt was made within the tolerance.
 *
 * The body must be as it arrived. The same message can arrive twice; its header `webhook-id` is then the same. During a
 * change of the secret, call this function with either secret. Throws `WebhookError` if the message must not be used,
 * or if the secret is not one that the host accepts.
 */
export async function verifyWebhook(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array,
  options: WebhookOptions = {},
): Promise<WebhookMessage> {
  const secretKey = keyOf(secret);
  const named = reader(headers);
  const id = named("webhook-id");
  const timestamp = named("webhook-timestamp");
  const signatures = named("webhook-signature");
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookError("`webhook-timestamp` is not a number of seconds");
  const now = options.nowS ?? Date.now() / 1000;
  // This form of the comparison also refuses when a number is NaN.
  if (!(Math.abs(now - Number(timestamp)) <= (options.toleranceS ?? TOLERANCE_S))) {
    throw new WebhookError("`webhook-timestamp` is too far from the present time");
  }
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const key = await crypto.subtle.importKey("raw", secretKey, HMAC, false, ["verify"]);
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  let valid = false;
  for (const one of signatures.split(" ")) {
    const signature = one.startsWith("v1,") ? decoded(one.slice(3)) : undefined;
    // `verify` compares in constant time.
    if (signature && (await crypto.subtle.verify("HMAC", key, signature, signed))) valid = true;
  }
  if (!valid) throw new WebhookError("no signature in `webhook-signature` is valid");
  return parsed(content);
}

function reader(headers: Headers | Record<string, string | string[] | undefined>) {
  const named = new Map<string, unknown>();
  if (headers instanceof Headers) headers.forEach((value, name) => named.set(name.toLowerCase(), value));
  else for (const [name, value] of Object.entries(headers)) named.set(name.toLowerCase(), value);
  return (name: string): string => {
    const value = named.get(name);
    if (typeof value !== "string" || value === "") throw new WebhookError(`the header \`${name}\` is missing`);
    return value;
  };
}

function keyOf(secret: unknown): Uint8Array<ArrayBuffer> {
  if (typeof secret !== "string") throw new WebhookError("the secret is not a text");
  const text = secret.replace(/[\r\n]+$/, "");
  if (!text.startsWith(PREFIX)) {
    const key = new TextEncoder().encode(text);
    if (key.length < SECRET_BYTES_MIN) throw new WebhookError(`the secret has fewer than ${SECRET_BYTES_MIN} bytes`);
    return key;
  }
  const key = decoded(text.slice(PREFIX.length));
  if (key === undefined || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX) {
    const form = `the base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes`;
    throw new WebhookError(`the secret after \`${PREFIX}\` is not ${form}`);
  }
  return key;
}

/** The bytes that a base64 text stands for. */
function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function joined(head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(head.length + body.length);
  all.set(head);
  all.set(body, head.length);
  return all;
}

function parsed(content: Uint8Array): WebhookMessage {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    message = undefined;
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw new WebhookError("the body is not a JSON object");
  }
  return message as WebhookMessage;
}
