// An authorization server (npm's `oidc-provider`) from which the host under test gets tokens for an upstream. Its
// clients are `deed-reader` and `deed-writer` with a secret, each with one scope, and `deed-key` with a private key,
// which this program writes to `--key`. The client `helpdesk-bot` is an agent: it gets access tokens for the host, with
// the account in `login_hint` as subject, and `deed-exchange` and `deed-key` exchange them. This program prints its
// URL. The line `rotate` on its stdin makes another key, and it prints `rotated` when only that key is accepted. It
// ends with its stdin. Run this file in the directory with node_modules.

import { generateKeyPairSync, verify } from "node:crypto";
import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { resolve } = createRequire(`${process.cwd()}/`);
const { Provider, errors } = await import(pathToFileURL(resolve("oidc-provider")));

const { values: given } = parseArgs({
    options: {
        secret: { type: "string" },
        key: { type: "string" },
        format: { type: "string", default: "opaque" },
        ttl: { type: "string", default: "300" },
        callers: { type: "string", default: "jwt" },
        "callers-ttl": { type: "string", default: "300" },
    },
});

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPES = "users:read users:write";
const LOGIN = "urn:example:grant-type:login";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
// The host under test as a protected resource.
const HOST = "https://deed.example.com/mcp";

const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = (key, kid) => ({ ...key.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" });
const keys = [pair(), pair()];
let current = 0;

function store() {
    // The key is replaced in one step, as an operator does it.
    writeFileSync(`${given.key}.new`, keys[current].privateKey.export({ format: "pem", type: "pkcs8" }));
    chmodSync(`${given.key}.new`, 0o600);
    renameSync(`${given.key}.new`, given.key);
}

const common = { redirect_uris: [], response_types: [], id_token_signed_response_alg: "ES256" };
const withSecret = (id, scope) => ({
    ...common,
    client_id: id,
    client_secret: given.secret,
    grant_types: ["client_credentials"],
    scope,
});
const clients = [
    withSecret("deed-reader", "users:read"),
    withSecret("deed-writer", "users:write"),
    {
        ...common,
        client_id: "deed-key",
        token_endpoint_auth_method: "private_key_jwt",
        grant_types: ["client_credentials", EXCHANGE, BEARER],
        jwks: { keys: keys.map(({ publicKey }, n) => jwk(publicKey, `key-${n}`)) },
        scope: SCOPES,
    },
    { ...withSecret("directory", SCOPES), client_id: "directory" },
    { ...withSecret("helpdesk-bot", "deed"), grant_types: [LOGIN] },
    { ...withSecret("deed-exchange", SCOPES), grant_types: [EXCHANGE] },
    withSecret("deed", SCOPES),
];

const signing = pair();
const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(url, {
    clients,
    jwks: { keys: [jwk(signing.privateKey, "first")] },
    scopes: ["deed", ...SCOPES.split(" ")],
    extraTokenClaims: (ctx) => (ctx.oidc.onBehalfOf ? { for: ctx.oidc.onBehalfOf } : undefined),
    features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        revocation: { enabled: true, allowedPolicy: async () => true },
        introspection: {
            enabled: true,
            allowedPolicy: async (_, caller) => ["directory", "deed"].includes(caller.clientId),
        },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: async (_, resource) => ({
                scope: SCOPES,
                audience: resource,
                accessTokenFormat: given.format,
                accessTokenTTL: Number(given.ttl),
                jwt: { sign: { alg: "ES256" } },
            }),
        },
    },
});

// The subject of an assertion that the host signed with its present key.
function subject(jwt) {
    const [header, payload, signature] = String(jwt).split(".");
    const key = { key: keys[current].publicKey, dsaEncoding: "ieee-p1363" };
    const signed = Buffer.from(`${header}.${payload}`);
    const claims = JSON.parse(Buffer.from(payload, "base64url"));
    const now = Date.now() / 1000;
    const good =
        verify("sha256", signed, key, Buffer.from(signature, "base64url")) &&
        claims.iss === "deed-key" &&
        claims.aud === `${url}/token` &&
        claims.exp > now &&
        claims.iat < now + 5;
    if (!good) throw new errors.InvalidGrant("the assertion is not valid");
    return claims.sub;
}

async function issue(ctx, token, resource, format, ttl) {
    token.resourceServer = new provider.ResourceServer(resource, {
        scope: token.scope,
        audience: resource,
        accessTokenFormat: format,
        accessTokenTTL: Number(ttl),
        jwt: { sign: { alg: "ES256" } },
    });
    ctx.body = {
        access_token: await token.save(),
        issued_token_type: ACCESS_TOKEN,
        token_type: "Bearer",
        expires_in: token.expiration,
    };
}

async function granted(ctx, jwt) {
    const { client, params } = ctx.oidc;
    ctx.oidc.onBehalfOf = subject(jwt);
    const token = new provider.ClientCredentials({ client, scope: params.scope });
    await issue(ctx, token, params.resource, given.format, given.ttl);
}

// An access token of this server for the host: its subject.
async function account(text) {
    const [header, payload, signature] = text.split(".");
    if (signature === undefined) {
        const found = await provider.AccessToken.find(text);
        if (!found?.isValid || found.aud !== HOST) throw new errors.InvalidGrant("the token is not valid");
        return found.accountId;
    }
    const key = { key: signing.publicKey, dsaEncoding: "ieee-p1363" };
    const signed = Buffer.from(`${header}.${payload}`);
    const claims = JSON.parse(Buffer.from(payload, "base64url"));
    const good =
        verify("sha256", signed, key, Buffer.from(signature, "base64url")) &&
        claims.aud === HOST &&
        claims.exp > Date.now() / 1000;
    if (!good) throw new errors.InvalidGrant("the token is not valid");
    return claims.sub;
}

// The exchange for a token of the host, or for the access token of a caller, who is the subject of the new token.
async function exchanged(ctx) {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN) return granted(ctx, params.subject_token);
    const accountId = await account(String(params.subject_token));
    const token = new provider.AccessToken({ accountId, client, scope: params.scope });
    return issue(ctx, token, params.resource, given.format, given.ttl);
}

async function login(ctx) {
    const { client, params } = ctx.oidc;
    const token = new provider.AccessToken({ accountId: params.login_hint, client, scope: "deed" });
    await issue(ctx, token, HOST, given.callers, given["callers-ttl"]);
}

const shared = ["scope", "resource"];
provider.registerGrantType(EXCHANGE, exchanged, [
    ...shared,
    "subject_token",
    "subject_token_type",
    "requested_token_type",
]);
provider.registerGrantType(BEARER, (ctx) => granted(ctx, ctx.oidc.params.assertion), [...shared, "assertion"]);
provider.registerGrantType(LOGIN, login, ["login_hint"]);

store();
server.on("request", provider.callback());
console.log(url);
createInterface({ input: process.stdin })
    .on("line", (line) => {
        if (line === "rotate") {
            current = 1;
            store();
            console.log("rotated");
        }
    })
    .on("close", () => process.exit(0));
