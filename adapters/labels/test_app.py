"""`python3 -m unittest` tests what the adapter computes, with empty modules in place of the host's."""

import sys
import types as modules
import unittest
from types import SimpleNamespace


def module(name, **members):
    made = modules.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


names = ["http", "log", "outgoing_handler", "streams", "deed_adapter_types", "wasi_http_types"]
imports = module("wit_world.imports", **{name: SimpleNamespace() for name in names})
module("wit_world", WitWorld=object, imports=imports)
module("componentize_py_types", Err=Exception)

from app import labelled  # noqa: E402, the modules above must be there first


class LabelsTest(unittest.TestCase):
    def test_a_label_is_added_with_an_id_and_a_time(self):
        old = {"name": "old", "id": "1", "added": "2026-01-01"}
        first, added = labelled([old], "new")
        self.assertEqual((first, added["name"]), (old, "new"))
        self.assertRegex(added["id"], r"^[0-9a-f-]{36}$")
        self.assertRegex(added["added"], r"^\d{4}-\d\d-\d\dT[0-9:.]+\+00:00$")

    def test_a_label_is_added_once(self):
        old = [{"name": "old", "id": "1", "added": "2026-01-01"}]
        self.assertEqual(labelled(old, "old"), old)


if __name__ == "__main__":
    unittest.main()
