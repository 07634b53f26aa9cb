"""`urllib.request` over wasi:http. After the import of this module, `urlopen` sends its requests through the host.

The host of a URL is the short name of an upstream in the contract, such as `http://desk/tickets/7`. The host of deed
finds the server, adds the credential, and refuses every request that the contract does not allow.

The exceptions are those of `urllib.error`. Each has a member `failure`, with which `deed.guarded` ends the run.
"""

import io
import urllib.error
import urllib.request
import urllib.response
from email.message import Message
from http.client import responses

from componentize_py_types import Err
from deed import not_accepted, refused, unavailable, unclear
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import wasi_http_types as wasi

# The size of the parts in which a body is written and read.
PART = 4096


class WasiHandler(urllib.request.BaseHandler):
    """Opens URLs. The scheme has no meaning, because the host knows the address of the upstream."""

    def http_open(self, request):
        return opened(request)

    def https_open(self, request):
        return opened(request)

    def http_error_default(self, request, answer, status, reason, headers):
        error = urllib.error.HTTPError(request.full_url, status, reason, headers, answer)
        error.failure = not_accepted(request.get_method(), status)
        raise error


def install():
    """Makes `urlopen` use the handler. Redirects are not followed: the host allows only requests of the contract."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(WasiHandler())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    urllib.request.install_opener(opener)


def opened(request):
    """The answer to a request, as `urlopen` returns it."""
    try:
        future = sent(request)
        with future:
            with future.subscribe() as ready:
                ready.block()
            answer = future.get().value
        if isinstance(answer, Err):
            raise answer
    except Err as error:
        raise no_answer(request, error.value) from None
    return read(request, answer.value)


def sent(request):
    data = request.data or b""
    if not isinstance(data, bytes):
        raise TypeError(f"the data of a request is bytes, not {type(data).__name__}")
    headers = [(name.lower(), value.encode()) for name, value in request.header_items()]
    outgoing = wasi.OutgoingRequest(wasi.Fields.from_list(headers))
    outgoing.set_method(wasi.Method_Other(request.get_method()))
    outgoing.set_scheme(wasi.Scheme_Http())
    outgoing.set_authority(request.host)
    outgoing.set_path_with_query(request.selector)
    body = outgoing.body()
    future = outgoing_handler.handle(outgoing, None)
    if data:
        with body.write() as stream:
            for start in range(0, len(data), PART):
                stream.blocking_write_and_flush(data[start : start + PART])
    wasi.OutgoingBody.finish(body, None)
    return future


def read(request, answer):
    with answer:
        status = answer.status()
        headers = Message()
        with answer.headers() as fields:
            for name, value in fields.entries():
                headers[name] = value.decode("latin-1")
        with answer.consume() as body, body.stream() as stream:
            content = io.BytesIO(b"".join(parts(stream)))
    opened = urllib.response.addinfourl(content, headers, request.full_url, status)
    # What the processor of errors calls the reason.
    opened.msg = responses.get(status, "")
    return opened


def parts(stream):
    while True:
        try:
            yield stream.blocking_read(PART)
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return
            raise


def no_answer(request, code):
    """The exception for a request without an answer. The code has no text; the log and the receipt say why."""
    method = request.get_method()
    why = type(code).__name__.removeprefix("ErrorCode_")
    error = urllib.error.URLError(f"there is no answer to {method} {request.selector}: {why}")
    if isinstance(code, wasi.ErrorCode_HttpRequestDenied):
        error.failure = refused(error.reason)
    elif isinstance(code, wasi.ErrorCode_ConnectionRefused):
        error.failure = unavailable(error.reason)
    else:
        error.failure = unclear(method, error.reason)
    return error


install()
