#!/usr/bin/env python3
"""Compares this directory's rule about members that are null (docs/formats.md, 4.4) with the verdict of another reader.

    null_members.py CASES

CASES is a list of objects: `what` is a description, `predicate` the predicate of a statement, and `verdict` is
`verified` or `failed`. The script prints a line per case and exits with 0 if the rule agrees with each.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import Failed, no_nulls


def main(cases: Path) -> int:
    wrong = 0
    for case in json.loads(cases.read_text()):
        try:
            no_nulls(case["predicate"])
            verdict, why = "verified", ""
        except Failed as fault:
            verdict, why = "failed", f" ({fault})"
        agrees = verdict == case["verdict"]
        wrong += not agrees
        print(f"{'same ' if agrees else 'OTHER'} {verdict:<8} {case['what']}{why}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
