#!/usr/bin/env python3
"""Verifies a bundle with third-party libraries and none of this project's code.

    verify.py BUNDLE... TRUSTDIR

securesystemslib checks DSSE signatures, rfc8785 checks that JSON is canonical, in-toto-attestation checks that each
payload is a statement, cryptography checks the log's Ed25519 notes; all other work uses zipfile, hashlib and base64.
The script prints a line per check and `VERIFIED`, `FAILED` or `UNVERIFIABLE`; it exits with 0, 1 or 2, like
`deed verify`.
The checks of the content (docs/formats.md, 9.10 to 9.14 and section 10) are made without Cedar and CEL: the results of
CEL expressions are those that the bundle records. A line reports what is skipped. A copy without evidence is `VERIFIED`
too, where `deed verify` reports that only signatures and inclusion are verified.
"""

import json
import sys
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import Failed, Untrusted, canonical, require
from container import Bundle
from content import content
from digests import digests
from envelopes import approvals, decisions, edited, links, reconciliation, resolution, statement
from tlog import log
from trust import Trust

NOT_CHECKED = (
    "witnesses: whether the quorum cosigned the checkpoint",
    "activation: all but the tenant, the last policy set and the keys of approvals that count",
    "decision: whether Cedar decides the same again (cedar.mjs does)",
    "outcome, settled: whether CEL evaluates `after` as recorded, and whether `before` holds",
)


def main(bundle: Path, trust: Path) -> None:
    checked = {}

    def passed(name: str, detail: str) -> None:
        checked[name] = detail
        print(f"pass  {name:<17}  {detail}")

    try:
        opened = Bundle(bundle)
    except (ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile, NotImplementedError) as fault:
        raise Failed(f"container: {fault}") from fault
    passed("container", f"{len(opened.parts)} parts, {len(opened.chain)} envelope(s)")
    trusted = Trust(trust)
    action = opened.part("action.json")
    receipt = statement(opened.chain[opened.at], trusted.receipt, "receipt", action)["predicate"]
    passed("receipt signature", "by a trusted key")
    require(canonical(action), "action.json is not canonical")
    edited(json.loads(action))
    passed("subject", "action.json is what was signed")
    kinds = links(opened, receipt)
    passed("chain", ", ".join(kinds))
    size = log(opened, kinds, trusted, json.loads(action)["tenant"])
    passed("log", f"every envelope is among the {size} entries that a trusted key signed")
    passed("approvals", approvals(opened, receipt, trusted, action))
    passed("decisions", decisions(opened, kinds, receipt, trusted, action))
    word = resolution(opened, receipt, trusted, action)
    if word is not None:
        who, said = word["person"], f"{word['verdict']}: {word['reason']}"
        passed("resolution", f"{who} (operator) says {said}")
    settled = reconciliation(opened, receipt, trusted, action, word)
    passed("digests", digests(opened, receipt, settled, json.loads(action)))
    for status, name, detail in content(opened, receipt, settled, word):
        print(f"{status}  {name:<17}  {detail}")
    for line in NOT_CHECKED:
        print(f"skip  {line}")


def verdict(bundle: Path, trust: Path) -> int:
    """Prints the lines of one bundle and returns the exit code."""
    try:
        main(bundle, trust)
    except Untrusted as missing:
        print(f"skip  {missing}\nUNVERIFIABLE {bundle.name}")
        return 2
    except Exception as fault:  # any error caused by a hostile bundle is a failure
        print(f"FAIL  {type(fault).__name__}: {fault}\nFAILED {bundle.name}")
        return 1
    print(f"VERIFIED {bundle.name}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(max(verdict(Path(one), Path(sys.argv[-1])) for one in sys.argv[1:-1]))
