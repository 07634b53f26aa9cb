// Repeats the policy decision of a bundle with the npm package of Cedar and none of this project's code.
//
//     node cedar.mjs BUNDLE...
//
// Run in a directory whose node_modules contain @cedar-policy/cedar-wasm. For each bundle, it prints `same`, `skip`
// (no policy decision was made, the copy lacks the request, or the host itself refused) or `differs`; it exits with 1
// if one bundle differs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const cedar = createRequire(join(process.cwd(), 'package.json'))('@cedar-policy/cedar-wasm/nodejs');

// The parts of a stored zip (APPNOTE 4.3.7).
function parts(bytes) {
  const found = {};
  for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50; ) {
    const size = bytes.readUInt32LE(at + 18);
    const start = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 30, at + 30 + bytes.readUInt16LE(at + 26));
    found[name] = bytes.toString('utf8', start, start + size);
    at = start + size;
  }
  return found;
}

function ok(answer, what) {
  if (answer.type !== 'success') throw new Error(`${what}: ${JSON.stringify(answer.errors)}`);
  return answer;
}

// Splits `Deed::Agent::"helpdesk"` into type and id with Cedar's own parser.
function entity(text) {
  const policy = `permit (principal == ${text}, action, resource);`;
  const { json } = ok(cedar.policyToJson(policy), text);
  return json.principal.entity.__entity ?? json.principal.entity;
}

// Policies by their @id, and the ids of those that require approval.
function policies(text) {
  const { policies } = ok(cedar.policySetTextToParts(text), 'policies');
  const all = {};
  const wants = new Set();
  for (const one of policies) {
    const { annotations } = ok(cedar.policyToJson(one), 'policy').json;
    all[annotations.id] = one;
    if (annotations.obligation) wants.add(annotations.id);
  }
  return { all, wants };
}

function ask(found, set) {
  const request = JSON.parse(found['policy/request.json']);
  const answer = ok(cedar.isAuthorized({
    principal: entity(request.principal),
    action: entity(request.action),
    resource: entity(request.resource),
    context: request.context,
    schema: found['policy/schema.cedarschema'],
    validateRequest: true,
    policies: { staticPolicies: set },
    entities: JSON.parse(found['policy/entities.json']),
  }), 'request');
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) throw new Error(JSON.stringify(diagnostics.errors));
  return { allow: decision === 'allow', reason: diagnostics.reason.sort() };
}

// The rule of docs/formats.md: allow when all policies together allow; ask when they allow without those that
// require approval; otherwise deny.
function decide(found) {
  const { all, wants } = policies(found['policy/policies.cedar']);
  const full = ask(found, all);
  if (full.allow) return { verdict: 'allow', determining: full.reason };
  const rest = Object.fromEntries(Object.entries(all).filter(([id]) => !wants.has(id)));
  const without = ask(found, rest);
  if (!without.allow) return { verdict: 'deny', determining: full.reason };
  return { verdict: 'ask', determining: [...full.reason, ...without.reason].sort() };
}

function check(file) {
  const found = parts(readFileSync(file));
  const envelope = JSON.parse(found['receipt.sigstore.json']).dsseEnvelope;
  const receipt = JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')).predicate;
  if (!receipt.decision) return 'skip    policy was not asked';
  if (!found['policy/request.json']) return 'skip    this copy lacks the question';
  const said = receipt.decision;
  const again = decide(found);
  const same = said.verdict === again.verdict
    && JSON.stringify(said.determining) === JSON.stringify(again.determining);
  if (same) return `same    ${again.verdict}: ${again.determining.join(', ')}`;
  // The host may refuse what policy allows; its denial then names no policy.
  if (said.verdict === 'deny' && said.determining.length === 0) return 'skip    the host itself refused';
  return `differs ${JSON.stringify(again)} instead of ${JSON.stringify(said)}`;
}

let differs = false;
for (const file of process.argv.slice(2)) {
  let line;
  try {
    line = check(file);
  } catch (fault) {
    line = `differs ${fault.message}`;
  }
  differs ||= line.startsWith('differs');
  console.log(`${line}  ${file}`);
}
process.exit(differs ? 1 : 0);
