// An authorization server (npm's `oidc-provider`), whose clients get access tokens with their credentials alone. With
// `--format jwt` the tokens are signed, with `--format opaque` they must be introspected. It prints its URL, and ends
// with its stdin. Run this file in the directory with node_modules.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { resolve } = createRequire(`${process.cwd()}/`);
const { Provider } = await import(pathToFileURL(resolve("oidc-provider")));

const { values: given } = parseArgs({
    options: {
        scope: { type: "string" },
        format: { type: "string", default: "jwt" },
        secret: { type: "string" },
    },
});

function client(id) {
    return {
        client_id: id,
        client_secret: given.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
    };
}

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...privateKey.export({ format: "jwk" }), kid: "first", use: "sig", alg: "ES256" };

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(url, {
    clients: ["helpdesk-bot", "someone", "deed"].map(client),
    jwks: { keys: [key] },
    scopes: [given.scope],
    features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true, allowedPolicy: async (_, caller) => caller.clientId === "deed" },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: async (_, resource) => ({
                scope: given.scope,
                audience: resource,
                accessTokenFormat: given.format,
                accessTokenTTL: 300,
                jwt: { sign: { alg: "ES256" } },
            }),
        },
    },
});
server.on("request", provider.callback());
console.log(url);
process.stdin.on("end", () => process.exit(0)).resume();
