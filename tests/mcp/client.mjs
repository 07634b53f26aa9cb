// The official TypeScript client: carries one action through deed's tools and prints what it saw as one line of JSON.
// flow.py documents the arguments and the output. Run this file in the directory with node_modules.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { resolve } = createRequire(`${process.cwd()}/`);
const { Client, StreamableHTTPClientTransport, SdkError, SdkErrorCode } = await import(
    pathToFileURL(resolve("@modelcontextprotocol/client"))
);

const OPEN = ["pending", "running", "waiting"];

const { values: given } = parseArgs({
    options: {
        url: { type: "string" },
        revision: { type: "string", default: "2026-07-28" },
        tool: { type: "string" },
        arguments: { type: "string", default: "{}" },
        cut: { type: "string" },
        again: { type: "boolean", default: false },
        change: { type: "string" },
        "no-poll": { type: "boolean", default: false },
        read: { type: "string" },
        patience: { type: "string", default: "90" },
    },
});

function mode(revision) {
    return revision === "2025-11-25" ? "legacy" : { pin: revision };
}

function shown(result) {
    const content = result.content ?? [];
    const links = content.filter((block) => block.type === "resource_link").map((block) => block.uri);
    const text = content.filter((block) => block.type === "text").map((block) => block.text);
    return { error: result.isError ?? false, structured: result.structuredContent ?? null, links, text: text.join("\n") };
}

async function ask(client, tool, args, timeout) {
    try {
        return shown(await client.callTool({ name: tool, arguments: args }, timeout ? { timeout } : {}));
    } catch (error) {
        if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) return { cut: true };
        return { refused: String(error.message ?? error) };
    }
}

function changed(args, change) {
    if (change === undefined) return args;
    const at = change.indexOf("=");
    return { ...args, [change.slice(0, at)]: change.slice(at + 1) };
}

async function polled(client, first) {
    const end = Date.now() + Number(given.patience) * 1000;
    let [last, polls] = [first, 0];
    while (OPEN.includes(last.structured?.status) && Date.now() < end) {
        await new Promise((done) => setTimeout(done, Math.min(last.structured.poll_after_ms ?? 500, 1000)));
        const action = last.structured.action;
        last = await ask(client, "deed_status", { action, wait_s: 1 });
        polls += 1;
    }
    return { last, polls };
}

async function flow(client) {
    const { tools } = await client.listTools();
    const seen = { client: "typescript", revision: client.getNegotiatedProtocolVersion(), tools: tools.map((t) => t.name) };
    const args = JSON.parse(given.arguments);
    seen.first = await ask(client, given.tool, args, given.cut ? Number(given.cut) : undefined);
    if (given.cut || given.again || given.change) {
        seen.again = await ask(client, given.tool, changed(args, given.change));
    }
    if (!given["no-poll"]) Object.assign(seen, await polled(client, seen.again ?? seen.first));
    const link = (seen.last ?? seen.again ?? seen.first).links?.[0];
    if (given.read && link) {
        const uri = `${link.slice(0, link.lastIndexOf("/"))}/${given.read}`;
        [seen.read] = (await client.readResource({ uri })).contents;
    }
    return seen;
}

const client = new Client(
    { name: "deed-tests", version: "1" },
    { versionNegotiation: { mode: mode(given.revision) } },
);
const headers = { Authorization: `Bearer ${process.env.DEED_TOKEN ?? ""}` };
await client.connect(new StreamableHTTPClientTransport(new URL(given.url), { requestInit: { headers } }));
console.log(JSON.stringify(await flow(client)));
await client.close();
