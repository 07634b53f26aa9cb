"""Verifies the bundles in a folder of test vectors, and prints a line of JSON for each: file, exit code, report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deed_client import Verifier

verifier, root = Verifier(sys.argv[1]), Path(sys.argv[2])
trust = {path.name: path.read_text("utf-8") for path in (root / "trust").iterdir()}
for vector in json.loads((root / "index.json").read_text()):
    checked = verifier.verify((root / vector["file"]).read_bytes(), trust)
    print(json.dumps([vector["file"], checked.exit_code, checked.report]))
