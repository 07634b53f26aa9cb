"""`python3 -m unittest` runs the adapter with the functions of this file in place of the host."""

import io
import sys
import types as modules
import unittest
import urllib.error
import urllib.request
import urllib.response
from email.message import Message
from types import SimpleNamespace


class Case:
    def __init__(self, value):
        self.value = value


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


def module(name, **members):
    made = modules.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def cases(prefix, names):
    return {f"{prefix}_{name}": type(f"{prefix}_{name}", (Case,), {}) for name in names}


LOG = []
# What `componentize-py bindings` generates, as far as the adapter uses it.
module("componentize_py_types", Err=Err)
imports = module(
    "wit_world.imports",
    http=SimpleNamespace(),
    log=SimpleNamespace(write=lambda *line: LOG.append(line), Level=SimpleNamespace(ERROR="error")),
    outgoing_handler=SimpleNamespace(),
    streams=SimpleNamespace(),
    deed_adapter_types=SimpleNamespace(
        **cases("Failure", ["Refused", "Unavailable", "Unknown", "Invalid"])
    ),
    wasi_http_types=SimpleNamespace(
        **cases("ErrorCode", ["HttpRequestDenied", "ConnectionRefused", "HttpResponseIncomplete"])
    ),
)
module("wit_world", WitWorld=object, imports=imports)

import app  # noqa: E402, the modules above must be there first
import wasi_urllib  # noqa: E402

PATCH = SimpleNamespace(upstream="desk", method="PATCH", path="/tickets/7", headers=[], body="{}")


def action(contract=app.CONTRACT):
    return SimpleNamespace(contract=contract, params='{"ticket":7}', attempt=1, requests=[PATCH])


class AdapterTest(unittest.TestCase):
    def setUp(self):
        self.status, self.seen = 200, []
        LOG.clear()
        wasi_urllib.opened = self.opened

    def opened(self, request):
        """Answers each request with a status, in place of the host."""
        self.seen.append((request.get_method(), request.full_url, request.data))
        if not isinstance(self.status, int):
            raise wasi_urllib.no_answer(request, self.status)
        answer = urllib.response.addinfourl(io.BytesIO(), Message(), request.full_url, self.status)
        answer.msg = ""
        return answer

    def failure(self, run, of):
        with self.assertRaises(Err) as raised:
            run(of)
        return type(raised.exception.value).__name__

    def test_the_requests_of_the_host_are_sent_as_they_are(self):
        app.WitWorld().perform(action())
        self.assertEqual(self.seen, [("PATCH", "http://desk/tickets/7", b"{}")])

    def test_a_status_is_a_failure_of_its_kind(self):
        kinds = [(404, "Failure_Refused"), (429, "Failure_Unknown"), (503, "Failure_Unknown")]
        for self.status, kind in kinds:
            self.assertEqual(self.failure(app.WitWorld().perform, action()), kind)

    def test_a_request_without_an_answer_is_a_failure_of_its_kind(self):
        codes = imports.wasi_http_types
        for code, kind in [
            (codes.ErrorCode_HttpRequestDenied, "Failure_Refused"),
            (codes.ErrorCode_ConnectionRefused, "Failure_Unavailable"),
            (codes.ErrorCode_HttpResponseIncomplete, "Failure_Unknown"),
        ]:
            self.status = code(None)
            self.assertEqual(self.failure(app.WitWorld().perform, action()), kind)

    def test_another_contract_is_not_served(self):
        failure = self.failure(app.WitWorld().observe, action("crm.delete"))
        self.assertEqual(failure, "Failure_Invalid")

    def test_an_exception_is_logged_with_its_place(self):
        wasi_urllib.opened = lambda request: None.status
        with self.assertRaises(AttributeError):
            app.WitWorld().perform(action())
        [(level, line)] = LOG
        self.assertEqual(level, "error")
        self.assertRegex(line, r"^panicked at .*\.py:\d+: AttributeError: ")


if __name__ == "__main__":
    unittest.main()
