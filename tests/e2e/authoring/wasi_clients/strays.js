// For the tests, in place of the adapter of the template, which is `own.js`. For ticket 7, it first sends requests that
// the contract does not allow; for ticket 8, it fails.
import { guarded } from './deed.js';
import { perform as close } from './own.js';

export { observe } from './own.js';

const OTHERS = [
  ['http://169.254.169.254/latest/meta-data', {}],
  ['http://desk/tickets/7/history', {}],
  ['http://desk/tickets/7', { method: 'DELETE' }],
  ['http://desk/tickets/7', { method: 'PATCH', body: '{"status":"gone"}' }],
  ['http://desk/tickets/7', { method: 'PATCH', body: '{"status":"closed"}', headers: { authorization: 'Bearer own' } }],
];

async function stray() {
  for (const [url, options] of OTHERS) {
    try {
      const answer = await fetch(url, options);
      console.log(`answered ${answer.status}: ${url}`);
    } catch (error) {
      console.log(`refused as ${error.name}`);
    }
  }
  console.error('the end of standard error');
}

const fail = guarded(() => {
  const nothing = null;
  return nothing.status;
});

export async function perform(action) {
  const { ticket } = JSON.parse(action.params);
  if (ticket === 7) await stray();
  if (ticket === 8) fail(action);
  return close(action);
}
