// Version 1 of the official TypeScript client: reads the schemas of the tools, calls one tool, and prints the result as
// one line of JSON. Arguments: the address, the tool, its arguments. Run this file in the directory with node_modules.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(`${process.cwd()}/`);
const load = (name) => import(pathToFileURL(resolve(`@modelcontextprotocol/sdk/client/${name}`)));
const { Client } = await load("index.js");
const { StreamableHTTPClientTransport } = await load("streamableHttp.js");

const [url, name, text] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.DEED_TOKEN ?? ""}` };
const client = new Client({ name: "deed-tests", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
await client.listTools();
console.log(JSON.stringify(await client.callTool({ name, arguments: JSON.parse(text) })));
await client.close();
