// Functions for adapters: requests to the upstream, and failures. The exports are wrapped in `guarded`, which tells the
// host why an exception stopped the adapter.
import { send as hostSend } from 'deed:adapter/http@0.2.0';
import { write } from 'deed:adapter/log@0.2.0';

/** A reason why a run did not do what was asked; `tag` is one of the cases of `failure` in wit/types.wit. */
export class Failure extends Error {
  constructor(tag, text) {
    super(text);
    // The engine passes the member `payload` of a thrown value to the host as the failure.
    this.payload = { tag, val: text };
  }
}

const isRead = (request) => request.method === 'GET' || request.method === 'HEAD';

/** After a write without a definite answer, it is not known whether the write was carried out. */
export const unclear = (request, text) => new Failure(isRead(request) ? 'unavailable' : 'unknown', text);

/** Throws a `Failure` unless the status of the answer to a request is 2xx. */
export function mustSucceed(request, status) {
  if (status >= 200 && status < 300) return;
  const text = `the upstream answered ${status}`;
  const isRefusal = status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
  throw isRefusal ? new Failure('refused', text) : unclear(request, text);
}

/** Sends one of `action.requests`, and returns its answer, whatever its status. Throws a `Failure` if there is none. */
export function exchange(request) {
  try {
    return hostSend(request);
  } catch (error) {
    throw notSent(request, error);
  }
}

/** Sends one of `action.requests`. Returns its answer if the status is 2xx; throws a `Failure` otherwise. */
export function send(request) {
  const response = exchange(request);
  mustSucceed(request, response.status);
  return response;
}

function notSent(request, error) {
  const { tag, val } = error?.payload ?? {};
  switch (tag) {
    case 'denied':
      return new Failure('refused', `the host denied the request: ${val}`);
    case 'not-sent':
      return new Failure('unavailable', val);
    case 'no-answer':
      return unclear(request, val);
    case 'too-large':
      return unclear(request, `the answer is larger than ${val} bytes`);
    default:
      return error;
  }
}

/**
 * Wraps an export, which may be an `async` function. `action.params` becomes an object. An exception that is no
 * `Failure` is logged with its place and then stops the run; the host adds a line that begins with `panicked at ` to
 * the claim of the adapter.
 */
export function guarded(run) {
  return (action) => {
    try {
      const running = run({ ...action, params: JSON.parse(action.params) });
      return running instanceof Promise ? running.then(() => undefined, stop) : undefined;
    } catch (error) {
      stop(error);
    }
  };
}

function stop(error) {
  if (!(error instanceof Failure)) write('error', `panicked at ${place(error)}: ${error}`);
  throw error;
}

/** The place in the source where an exception was thrown. Each engine writes stacks in its own way. */
function place(error) {
  return /[^\s(@]+:\d+:\d+/.exec(String(error?.stack))?.[0] ?? 'an unknown place';
}
