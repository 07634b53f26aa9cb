// The requests of the host, sent with `fetch`. The host of a URL is the short name of an upstream in the contract, such
// as `http://desk/tickets/7`. The host of deed finds the server, adds the credential, and refuses every request that
// the contract does not allow.
import { mustSucceed, unclear } from './deed.js';

/** Fetches one of `action.requests`, and returns its answer, whatever its status. Throws a `Failure` without one. */
export async function ask(request) {
  const { upstream, method, path, body } = request;
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  try {
    return await fetch(`http://${upstream}${path}`, { method, headers, body });
  } catch (error) {
    // `fetch` does not say why there is no answer. The log and the receipt of the host do.
    throw unclear(request, `there is no answer to ${method} ${path}: ${error.message}`);
  }
}

/** Fetches one of `action.requests`. Returns its answer if the status is 2xx; throws a `Failure` otherwise. */
export async function send(request) {
  const response = await ask(request);
  mustSucceed(request, response.status);
  return response;
}
