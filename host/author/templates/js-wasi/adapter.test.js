// `npm test` runs the adapter in Node.js, with functions of this file in place of the host.
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { test } from 'node:test';

// The adapter imports interfaces of the host, such as `deed:adapter/log@0.2.0`.
const host = `
  export const send = () => { throw new Error('this adapter uses fetch'); };
  export const write = (level, message) => globalThis.host.log.push([level, message]);`;
const hooks = `
  const url = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(host)});
  export const resolve = (name, context, next) =>
    name.startsWith('deed:adapter/') ? { url, shortCircuit: true } : next(name, context);`;
register('data:text/javascript,' + encodeURIComponent(hooks));
const { CONTRACT, observe, perform } = await import('../src/adapter.js');

const PATCH = { upstream: 'desk', method: 'PATCH', path: '/tickets/7', headers: [], body: '{"status":"closed"}' };

function action(contract = CONTRACT) {
  return { contract, params: '{"ticket":7}', attempt: 1, requests: [PATCH] };
}

/** Answers each request with this status, and returns what was asked for. */
function upstreamThatAnswers(status) {
  const seen = [];
  globalThis.host = { log: [] };
  globalThis.fetch = async (url, { method, body }) => {
    seen.push([method, url, body]);
    return new Response(null, { status });
  };
  return seen;
}

const failure = (tag) => (error) => error.payload?.tag === tag;

test('the requests of the host are sent as they are', async () => {
  const seen = upstreamThatAnswers(200);
  await perform(action());
  assert.deepEqual(seen, [['PATCH', 'http://desk/tickets/7', '{"status":"closed"}']]);
});

test('a status is a failure of its kind', async () => {
  for (const [status, tag] of [[404, 'refused'], [429, 'unknown'], [503, 'unknown']]) {
    upstreamThatAnswers(status);
    await assert.rejects(perform(action()), failure(tag), `${status}`);
  }
});

test('a write without an answer may have been carried out', async () => {
  upstreamThatAnswers(200);
  globalThis.fetch = async () => Promise.reject(new TypeError('NetworkError'));
  await assert.rejects(perform(action()), failure('unknown'));
});

test('another contract is not served', async () => {
  upstreamThatAnswers(200);
  await assert.rejects(observe(action('crm.delete')), failure('invalid'));
});

test('an exception is logged with its place', async () => {
  upstreamThatAnswers(200);
  globalThis.fetch = async () => null;
  await assert.rejects(perform(action()), TypeError);
  const [[level, line]] = globalThis.host.log;
  assert.equal(level, 'error');
  assert.match(line, /^panicked at \S+:\d+:\d+: TypeError: /);
});
