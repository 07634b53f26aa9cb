"""`python3 -m unittest` runs the adapter with the classes of this file in place of the host."""

import sys
import types as modules
import unittest
from dataclasses import dataclass
from types import SimpleNamespace


@dataclass
class Case:
    value: object


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


class Host:
    """Answers each request with a status, and keeps what it saw."""

    status, seen, log = 200, [], []

    def send(self, request):
        self.seen.append(request)
        return SimpleNamespace(exchange=0, status=self.status, headers=[], body="null")

    def write(self, level, message):
        self.log.append((level, message))


HOST = Host()
# What `componentize-py bindings` generates, as far as the adapter uses it.
module("componentize_py_types", Err=Err)
imports = module(
    "wit_world.imports",
    http=SimpleNamespace(
        send=lambda request: HOST.send(request),
        **cases("Error", ["Denied", "NotSent", "NoAnswer", "TooLarge"]),
    ),
    log=SimpleNamespace(write=lambda *line: HOST.write(*line), Level=SimpleNamespace(ERROR="error")),
    types=SimpleNamespace(**cases("Failure", ["Refused", "Unavailable", "Unknown", "Invalid"])),
)
module("wit_world", WitWorld=object, imports=imports)

import app  # noqa: E402, the modules above must be there first

PATCH = SimpleNamespace(upstream="desk", method="PATCH", path="/tickets/7", headers=[], body=None)


def action(contract=app.CONTRACT):
    return SimpleNamespace(contract=contract, params='{"ticket":7}', attempt=1, requests=[PATCH])


class AdapterTest(unittest.TestCase):
    def setUp(self):
        HOST.status, HOST.seen, HOST.log = 200, [], []
        HOST.__dict__.pop("send", None)

    def failure(self, run, of):
        with self.assertRaises(Err) as raised:
            run(of)
        return type(raised.exception.value).__name__

    def test_the_requests_of_the_host_are_sent_as_they_are(self):
        app.WitWorld().perform(action())
        self.assertEqual(HOST.seen, [PATCH])

    def test_a_status_is_a_failure_of_its_kind(self):
        kinds = [(404, "Failure_Refused"), (429, "Failure_Unknown"), (503, "Failure_Unknown")]
        for HOST.status, kind in kinds:
            self.assertEqual(self.failure(app.WitWorld().perform, action()), kind)

    def test_another_contract_is_not_served(self):
        failure = self.failure(app.WitWorld().observe, action("crm.delete"))
        self.assertEqual(failure, "Failure_Invalid")

    def test_an_exception_is_logged_with_its_place(self):
        HOST.send = lambda request: None
        with self.assertRaises(AttributeError):
            app.WitWorld().perform(action())
        [(level, line)] = HOST.log
        self.assertEqual(level, "error")
        self.assertRegex(line, r"^panicked at .*\.py:\d+: AttributeError: ")


if __name__ == "__main__":
    unittest.main()
