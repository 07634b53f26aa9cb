// The adapter `people`: the e-mail addresses of a person in a SCIM directory. SCIM can only replace the list of
// addresses as a whole, so the adapter reads the list with `fetch` and computes the new one.
import { ask, send } from './client.js';
import { Failure, guarded } from './deed.js';

/** The requests of this run with this method, if the contract is one that the adapter serves. */
function requests(action, method) {
  if (action.contract !== 'people.set_email') {
    throw new Failure('invalid', `contract \`${action.contract}\` is not served by this adapter`);
  }
  return action.requests.filter((request) => request.method === method);
}

export const observe = guarded(async (action) => {
  for (const request of requests(action, 'GET')) await ask(request);
});

/**
 * The addresses with this one as the only primary address. A new one is described by its time and a reference, which
 * a message to the person can quote.
 */
export function withPrimary(emails, address) {
  const kept = emails.map(({ value, display, type }) => ({ value, display, type, primary: value === address }));
  if (kept.some(({ primary }) => primary)) return kept;
  const reference = crypto.randomUUID().slice(0, 8);
  const display = `added ${new Date().toISOString()}, reference ${reference}`;
  return [...kept, { value: address, display, type: 'work', primary: true }];
}

export const perform = guarded(async (action) => {
  const [read] = requests(action, 'GET');
  const [write] = requests(action, 'PATCH');
  const { emails = [] } = await (await send(read)).json();
  // What the host rendered, with `{ any = … }` filled in.
  const body = JSON.parse(write.body);
  body.Operations[0].value = withPrimary(emails, action.params.email);
  console.log(`${emails.length} addresses before, ${body.Operations[0].value.length} after`);
  await send({ ...write, body: JSON.stringify(body) });
});
