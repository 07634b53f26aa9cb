// Checks `verifyWebhook` with the example of Standard Webhooks and with a delivery of a running host. The test of the
// host starts this script with a delivery in the environment.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import process from "node:process";

import { verifyWebhook, WebhookError } from "../src/index.ts";

// The example of the reference libraries.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = '{"test": 2432232314}';
const signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const at = 1614265330;
const headers: Record<string, string> = {
  "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
  "webhook-timestamp": String(at),
  "webhook-signature": signature,
};
const now = { nowS: at };

assert.deepEqual(await verifyWebhook(secret, headers, body, now), { test: 2432232314 });
await verifyWebhook(`${secret}\n`, new Headers(headers), new TextEncoder().encode(body), { nowS: at + 300 });
const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
await verifyWebhook(secret, upper, body, { nowS: at - 300 });
await verifyWebhook(secret, { ...headers, "webhook-signature": `v2,x v1,AAAA ${signature}` }, body, now);

async function refused(
  why: string,
  change: Record<string, string | undefined>,
  options: { secret?: string; body?: string; nowS?: number } = {},
): Promise<void> {
  const used = options.secret ?? secret;
  const call = verifyWebhook(used, { ...headers, ...change }, options.body ?? body, { nowS: options.nowS ?? at });
  await assert.rejects(call, (error: Error) => {
    assert.ok(error instanceof WebhookError && error.message.includes(why), `${why}: ${error}`);
    assert.ok(!error.message.includes(used));
    return true;
  });
}

for (const nowS of [at + 301, at - 301, Date.now() / 1000, NaN, Infinity]) {
  await refused("too far from the present time", {}, { nowS });
}
await assert.rejects(verifyWebhook(secret, headers, body, { toleranceS: NaN }), /too far from the present time/);
await refused("no signature", {}, { body: `${body} ` });
await refused("no signature", {}, { secret: `whsec_${"A".repeat(32)}` });
await refused("no signature", {}, { secret: "another secret, as a text" });
for (const name of Object.keys(headers)) {
  await refused(`\`${name}\` is missing`, { [name]: undefined });
}
for (const [name, value, why] of [
  ["webhook-id", "msg_other", "no signature"],
  ["webhook-timestamp", String(at + 1), "no signature"],
  ["webhook-timestamp", "now", "not a number"],
  ["webhook-timestamp", "1e9", "not a number"],
  ["webhook-timestamp", "9".repeat(5000), "not a number"],
  ["webhook-signature", signature.slice(3), "no signature"],
  ["webhook-signature", signature.replace("v1", "v1a"), "no signature"],
  ["webhook-signature", "v1,\u00e9", "no signature"],
] as const) {
  await refused(why, { [name]: value });
}

/** The headers with a signature by this key. Web Crypto permits no empty key, so this uses the module of Node.js. */
function signed(key: Uint8Array): Record<string, string> {
  const mac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${at}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${mac}` };
}

const ofBytes = (count: number): string => `whsec_${Buffer.alloc(count).toString("base64")}`;
const short = "has fewer than 16 bytes";
const form = "is not the base64 of 24 to 64 bytes";

// The signature is valid for the key that a careless reading of the secret gives.
for (const [given, key, why] of [
  ["", "", short],
  ["\n", "", short],
  ["\r\n", "", short],
  ["fifteen bytes..\n", "fifteen bytes..", short],
  ["whsec_", "", form],
  ["whsec_\n", "", form],
  ["whsec_QQ==", "A", form],
  [ofBytes(23), "\0".repeat(23), form],
  [ofBytes(65), "\0".repeat(65), form],
  ["whsec_-_", "", form],
  ["whsec_\u00e9", "", form],
  [undefined, "", "is not a text"],
  [Buffer.from("sixteen bytes..."), "sixteen bytes...", "is not a text"],
] as const) {
  await assert.rejects(verifyWebhook(given as string, signed(Buffer.from(key)), body, now), (error: Error) => {
    assert.ok(error instanceof WebhookError && error.message.includes(why), `${JSON.stringify(given)}: ${error}`);
    return true;
  });
}
for (const [given, key] of [
  ["sixteen bytes...", "sixteen bytes..."],
  ["\u00e9".repeat(8), "\u00e9".repeat(8)],
  [ofBytes(24), "\0".repeat(24)],
  [ofBytes(64), "\0".repeat(64)],
] as const) {
  assert.deepEqual(await verifyWebhook(given, signed(Buffer.from(key)), body, now), { test: 2432232314 });
}

const delivered = {
  secret: process.env["WEBHOOK_SECRET"] ?? "",
  body: process.env["WEBHOOK_BODY"] ?? "",
  headers: JSON.parse(process.env["WEBHOOK_HEADERS"] ?? "{}") as Record<string, string>,
};
const message = await verifyWebhook(delivered.secret, delivered.headers, delivered.body);
assert.equal(message.type, "action.ended");
assert.equal(message.data["outcome"], "verified");
const other = delivered.body.replace("verified", "mismatch");
await assert.rejects(verifyWebhook(delivered.secret, delivered.headers, other), WebhookError);
console.log("done");
