"""Functions for adapters: requests to the upstream, and failures.

The methods of `WitWorld` are decorated with `guarded`, which tells the host why an exception stopped the adapter.
"""

import functools
import json
from types import SimpleNamespace

from componentize_py_types import Err
from wit_world.imports import http, log

try:
    from wit_world.imports import types
except ImportError:
    # With wasi:http, the world has two interfaces with the name `types`.
    from wit_world.imports import deed_adapter_types as types


def refused(text):
    """The failure for an upstream that refused, so that nothing changed; to be raised."""
    return Err(types.Failure_Refused(text))


def unavailable(text):
    """The failure for an upstream that could not be reached or read; to be raised."""
    return Err(types.Failure_Unavailable(text))


def unknown(text):
    """The failure for a write that may have been carried out; to be raised."""
    return Err(types.Failure_Unknown(text))


def invalid(text):
    """The failure for an action that the adapter cannot serve; to be raised."""
    return Err(types.Failure_Invalid(text))


def unclear(method, text):
    """After a write without a definite answer, it is not known whether the write was carried out."""
    return unavailable(text) if method in ("GET", "HEAD") else unknown(text)


def exchange(request):
    """Sends one of `action.requests`, and returns its answer, whatever its status. Raises a failure without one."""
    try:
        return http.send(request)
    except Err as error:
        raise not_sent(request, error.value) from None


def send(request):
    """Sends one of `action.requests`. Returns its answer if the status is 2xx; raises a failure otherwise."""
    response = exchange(request)
    if 200 <= response.status < 300:
        return response
    raise not_accepted(request.method, response.status)


def not_accepted(method, status):
    """The failure for an answer whose status is not 2xx."""
    text = f"the upstream answered {status}"
    if 400 <= status < 500 and status not in (408, 409, 425, 429):
        return refused(text)
    return unclear(method, text)


def not_sent(request, error):
    match error:
        case http.Error_Denied(value=why):
            return refused(f"the host denied the request: {why}")
        case http.Error_NotSent(value=why):
            return unavailable(why)
        case http.Error_NoAnswer(value=why):
            return unclear(request.method, why)
        case http.Error_TooLarge(value=limit):
            return unclear(request.method, f"the answer is larger than {limit} bytes")


def guarded(run):
    """Wraps an export. `action.params` becomes a dictionary.

    An exception with a member `failure` ends the run with this failure. Any other exception that is no failure is
    logged with its place and then stops the run; the host adds a line that begins with `panicked at ` to the claim of
    the adapter.
    """

    @functools.wraps(run)
    def guarded_run(self, action):
        try:
            run(self, SimpleNamespace(**{**vars(action), "params": json.loads(action.params)}))
        except Err:
            raise
        except BaseException as error:
            if isinstance(failure := getattr(error, "failure", None), Err):
                raise failure from None
            what = f"{type(error).__name__}: {error}"
            log.write(log.Level.ERROR, f"panicked at {place(error)}: {what}")
            raise

    return guarded_run


def place(error):
    """The file and line that raised an error. The module `traceback` would look for the file, which no adapter can."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return "an unknown place"
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
