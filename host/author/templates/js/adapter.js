// The adapter `@NAME@`. It has no credential, host name or clock: it asks the host to send the requests that the
// contract allows, and the host judges the action by what it reads itself.
import { Failure, exchange, guarded, send } from './deed.js';

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
export const observe = guarded((action) => {
  for (const request of requests(action)) exchange(request);
});

/** Runs once per attempt. The host has rendered the requests from the contract and the parameters. */
export const perform = guarded((action) => {
  for (const request of requests(action)) send(request);
});
