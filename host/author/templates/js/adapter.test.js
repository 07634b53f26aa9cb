// `npm test` runs the adapter in Node.js, with functions of this file in place of the host.
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { test } from 'node:test';

// The adapter imports interfaces of the host, such as `deed:adapter/http@0.2.0`.
const host = `
  export const send = (request) => globalThis.host.send(request);
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

/** Lets the host answer each request with this status, and returns what it saw. */
function hostThatAnswers(status) {
  const seen = [];
  globalThis.host = {
    log: [],
    send(request) {
      seen.push(request);
      return { exchange: 0, status, headers: [], body: 'null' };
    },
  };
  return seen;
}

const failure = (tag) => (error) => error.payload?.tag === tag;

test('the requests of the host are sent as they are', () => {
  const seen = hostThatAnswers(200);
  perform(action());
  assert.deepEqual(seen, [PATCH]);
});

test('a status is a failure of its kind', () => {
  for (const [status, tag] of [[404, 'refused'], [429, 'unknown'], [503, 'unknown']]) {
    hostThatAnswers(status);
    assert.throws(() => perform(action()), failure(tag), `${status}`);
  }
});

test('another contract is not served', () => {
  hostThatAnswers(200);
  assert.throws(() => observe(action('crm.delete')), failure('invalid'));
});

test('an exception is logged with its place', () => {
  hostThatAnswers(200);
  globalThis.host.send = () => null.status;
  assert.throws(() => perform(action()), TypeError);
  const [[level, line]] = globalThis.host.log;
  assert.equal(level, 'error');
  assert.match(line, /^panicked at \S+:\d+:\d+: TypeError: /);
});
