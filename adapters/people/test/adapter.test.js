// `npm test` runs the adapter in Node.js, with functions of this file in place of the host.
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { test } from 'node:test';

const host = 'export const send = () => {}; export const write = () => {};';
const hooks = `
  const url = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(host)});
  export const resolve = (name, context, next) =>
    name.startsWith('deed:adapter/') ? { url, shortCircuit: true } : next(name, context);`;
register('data:text/javascript,' + encodeURIComponent(hooks));
const { perform, withPrimary } = await import('../src/adapter.js');

test('a new address is the only primary one', () => {
  const emails = [{ value: 'a@example.com', type: 'home', primary: true }, { value: 'b@example.com' }];
  const [first, second, added] = withPrimary(emails, 'c@example.com');
  assert.deepEqual([first.primary, second.primary, added.primary], [false, false, true]);
  assert.deepEqual([first.type, added.value, added.type], ['home', 'c@example.com', 'work']);
  assert.match(added.display, /^added \d{4}-\d\d-\d\dT\S+Z, reference [0-9a-f]{8}$/);
});

test('a known address keeps its description', () => {
  const emails = [{ value: 'a@example.com', primary: true }, { value: 'b@example.com', display: 'B' }];
  const changed = withPrimary(emails, 'b@example.com').map(({ display, primary }) => [display, primary]);
  assert.deepEqual(changed, [[undefined, false], ['B', true]]);
});

test('the list that was read is written back', async () => {
  const seen = [];
  globalThis.fetch = async (url, { method, body }) => {
    seen.push([method, url, body]);
    return Response.json({ emails: [{ value: 'a@example.com' }] });
  };
  const body = '{"Operations":[{"op":"replace","path":"emails","value":null}]}';
  const request = (method, body) => ({ upstream: 'idp', method, path: '/Users/7', headers: [], body });
  const requests = [request('GET'), request('PATCH', body)];
  const params = '{"user_id":"7","email":"a@example.com"}';
  await perform({ contract: 'people.set_email', params, attempt: 1, requests });
  const url = 'http://idp/Users/7';
  assert.deepEqual(seen.map(([method, url]) => [method, url]), [['GET', url], ['PATCH', url]]);
  assert.deepEqual(JSON.parse(seen[1][2]).Operations[0].value, [{ value: 'a@example.com', primary: true }]);
});
