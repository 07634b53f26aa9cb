// The adapter `@NAME@`. It sends requests with `fetch`, to the short names of upstreams. It has no credential and no
// other network: the host sends what the contract allows, and judges the action by what it reads itself.
import { ask, send } from './client.js';
import { Failure, guarded } from './deed.js';

/** The name of the action in the contract. */
export const CONTRACT = 'desk.close_ticket';

/** The requests of this run, if the contract is one that the adapter serves. */
export function requests(action) {
  if (action.contract !== CONTRACT) {
    throw new Failure('invalid', `contract \`${action.contract}\` is not served by this adapter`);
  }
  return action.requests;
}

/**
 * Runs before and after the change, and cannot write. The contract says with `from` in which answer the state is, so it
 * is enough to send the requests.
 */
export const observe = guarded(async (action) => {
  for (const request of requests(action)) await ask(request);
});

/** Runs once per attempt. The host has rendered the requests from the contract and the parameters. */
export const perform = guarded(async (action) => {
  for (const request of requests(action)) await send(request);
});
