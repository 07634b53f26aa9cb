#!/usr/bin/env python3
"""Writes tests/vectors/confirmations/: bundles of confirmed actions that a reader must accept, and ones with one fault.

    confirm_vectors.py VECTORS OUT

Each bundle is made from one in VECTORS/good: its policies ask for a confirmation, other people answer, and all
statements are signed and logged again. In some, the host claims other obligations. The keys are fixed, so the files
change only if this script, edit_vectors.py or those bundles do.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import rfc8785

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import sha
from container import Bundle, payload, sigstore
from edit_vectors import OF, OLD, RECEIPT, Key, b64, envelope, note, path, root, stored
from edit_vectors import trust as trust_of

KEYS = {**OF, "alice": Key(85)}
ROLES = {"alice": [], "bob": ["support-lead"], "carol": ["support-lead"]}
LEAD = ('@obligation("approve:1:support-lead")', 'context.approvals["support-lead"]')
CONFIRM = ('@obligation("confirm")', 'context.approvals["confirm"]')
NEEDS_LEAD, PERSON = "restore-needs-lead", "restore-needs-the-person"
BOTH = """@id("restore-needs-the-person")
@obligation("confirm")
forbid (principal, action == Deed::Action::"idp.restore_access", resource)
 unless { context.approvals["confirm"] >= 1 };
"""


@dataclass
class Answer:
    person: str
    role: str
    key: str = ""
    expired: bool = False


@dataclass
class Change:
    """The answers, and what the host claims to have counted and asked for. A copy is one without evidence, of an action
    about whose state policy was asked."""

    answers: list[Answer]
    counts: dict[str, int] = field(default_factory=dict)
    both: bool = False
    editor: str = ""
    obligations: list[dict] | None = None
    copy: bool = False
    activated: tuple[str, ...] = ("alice", "bob", "carol")


def obligation(policy: str, role: str, count: int = 1) -> dict:
    return {"count": count, "policy": policy, "role": role}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def policies(opened: Bundle, both: bool) -> tuple[str, str]:
    """The policies and the schema with the obligation."""
    text, schema = (opened.part(f"policy/{name}").decode() for name in ("policies.cedar", "schema.cedarschema"))
    if both:
        text += BOTH
    else:
        for before, after in zip(LEAD, CONFIRM, strict=True):
            text = text.replace(before, after)
    return text, schema.replace("type Approvals = { ", "type Approvals = { confirm: Long, ")


def set_of(text: str, schema: str) -> str:
    return digest(rfc8785.dumps({"policies": text, "schema": schema}))


class Remade:
    """A bundle with another policy set and other answers, every statement signed and logged again."""

    def __init__(self, base: Path, change: Change) -> None:
        self.opened, self.change = Bundle(base), change
        self.parts = {name: one for name, one in self.opened.parts.items() if not name.endswith(".tlog-proof")}
        self.known: dict[str, str] = {}
        self.chain: list[tuple[str, dict]] = []
        self.given: list[tuple[str, dict]] = []
        self.documents()
        for line in self.opened.chain:
            self.line(line)
        self.logged()
        if change.copy:
            left_out = ("evidence/", "policy/request.json")
            self.parts = {name: one for name, one in self.parts.items() if not name.startswith(left_out)}

    def part(self, name: str, content: bytes) -> None:
        self.known[digest(self.opened.part(name))] = digest(content)
        self.parts[name] = content

    def documents(self) -> None:
        action = json.loads(self.opened.part("action.json"))
        if self.change.editor:
            action["edit"] = {"edited_by": [self.change.editor], "replaces": OLD}
        self.part("action.json", rfc8785.dumps(action))
        request = json.loads(self.opened.part("policy/request.json"))
        request["context"]["approvals"].update({"confirm": 0, "support-lead": 0, **self.change.counts})
        if self.change.copy:
            request["context"]["pre"] = json.loads(self.opened.part("evidence/pre.json"))["state"]
        self.part("policy/request.json", rfc8785.dumps(request))
        before = [self.opened.part(f"policy/{name}").decode() for name in ("policies.cedar", "schema.cedarschema")]
        after = policies(self.opened, self.change.both)
        self.known[set_of(*before)] = set_of(*after)
        self.parts["policy/policies.cedar"], self.parts["policy/schema.cedarschema"] = (one.encode() for one in after)

    def line(self, line: dict) -> None:
        raw = payload(line).decode()
        for old, new in self.known.items():
            raw = raw.replace(old, new)
        statement = json.loads(raw)
        kind, said = statement["predicateType"].split(":")[2], statement["predicate"]
        if kind == "approval":
            self.answers(statement)
            return
        if kind == "activated":
            self.activated(statement)
        if kind == "decision":
            said["approvals"] = [f"sha256:{name}" for name, _ in self.given]
        if kind == "receipt":
            said["approvals"] = [self.listed(name, one) for name, one in self.given]
            said["question"]["about_state"] |= self.change.copy
        if "decision" in said:
            self.decided(said["decision"])
        self.known[digest(payload(line))] = self.add(kind, statement, RECEIPT)

    def add(self, kind: str, statement: dict, key: Key) -> str:
        made = envelope(statement, key)
        self.chain.append((kind, made))
        return digest(payload(made))

    def answers(self, statement: dict) -> None:
        """Puts the answers of the change in the place of the only answer."""
        for one in self.change.answers:
            said = {**statement["predicate"], "person": one.person, "role": one.role}
            if one.expired:
                said["expires_ms"] = 1
            name = self.add("approval", {**statement, "predicate": said}, KEYS[one.key or one.person])
            self.given.append((name, said))

    def listed(self, name: str, said: dict) -> dict:
        return {"counted": True, "decision": said["decision"], "payload_sha256": f"sha256:{name}",
                "person": said["person"], "role": said["role"]}

    def decided(self, decision: dict) -> None:
        reason = "the responsible person must confirm it"
        if self.change.both:
            of = "determining" if decision["obligations"] else "not_applied"
            decision[of] = sorted([*decision[of], PERSON])
        if decision["obligations"] and self.change.both:
            decision["obligations"].insert(0, obligation(PERSON, "confirm"))
            decision["reason"] += f"; {reason}"
        elif decision["obligations"]:
            decision["obligations"] = [obligation(NEEDS_LEAD, "confirm")]
            decision["reason"] = reason
        if self.change.obligations is not None:
            decision["obligations"] = self.change.obligations

    def activated(self, statement: dict) -> None:
        people = [{"keyid": KEYS[name].id, "person": "sha256:" + digest(name.encode()), "roles": ROLES[name]}
                  for name in self.change.activated]
        statement["predicate"]["approvers"] = sorted(people, key=lambda one: one["keyid"])
        statement["subject"][0]["digest"]["sha256"] = digest(rfc8785.dumps(statement["predicate"]))

    def logged(self) -> None:
        leaves = [sha(b"\0" + f"urn:deed:entry:v1\n{kind} {digest(payload(one))}\n".encode())
                  for kind, one in self.chain]
        self.parts["chain.intoto.jsonl"] = b"".join(rfc8785.dumps(one) + b"\n" for _, one in self.chain)
        receipt = next(one for kind, one in self.chain if kind == "receipt")
        self.parts["receipt.sigstore.json"] = sigstore(receipt)
        head = note(len(leaves), root(leaves))
        for n in range(len(leaves)):
            hashes = "".join(f"{b64(one)}\n" for one in path(n, leaves))
            self.parts[f"{n}.tlog-proof"] = f"c2sp.org/tlog-proof@v1\nindex {n}\n{hashes}\n{head}".encode()




def trust(to: Path) -> None:
    trust_of(to)
    people = [{"from_index": 0, "key": KEYS[name].pem, "person": name, "roles": ROLES[name]} for name in sorted(KEYS)]
    (to / "approvers.json").write_text(json.dumps(people, separators=(",", ":")))


def main(vectors: Path, out: Path) -> None:
    approved, denied = (vectors / f"good/{name}.deed" for name in ("verified", "denied-by-a-person"))
    confirm, lead = Answer("alice", "confirm"), Answer("bob", "support-lead")
    one, two = {"confirm": 1}, {"confirm": 1, "support-lead": 1}
    good = [
        ("confirmed", "the responsible person confirmed, whose key has no role", approved, Change([confirm], one)),
        ("confirmed-and-approved", "both", approved, Change([confirm, lead], two, both=True)),
        ("approved-and-confirmed", "both, in the other order", approved, Change([lead, confirm], two, both=True)),
        ("confirmed-edit", "the responsible person confirmed an edited action", approved,
         Change([confirm], one, editor="bob")),
        ("declined", "the responsible person declined", denied, Change([confirm])),
        ("declined-of-both", "both are wanted, and the responsible person declined", denied,
         Change([confirm], both=True)),
    ]
    copies = [
        ("declined-copy", "the same, without evidence, and policy was asked about the state", denied,
         Change([confirm], both=True, copy=True)),
    ]
    bad = [
        ("approvals", "confirmed by an approver", approved, Change([Answer("bob", "confirm")], one)),
        ("approvals", "confirmed by the editor", approved, Change([Answer("bob", "confirm")], one, editor="bob")),
        ("approvals", "confirmed by the responsible person, who edited the action", approved,
         Change([confirm], one, editor="alice")),
        ("approvals", "declined by an approver", denied, Change([Answer("bob", "confirm")])),
        ("approvals", "confirmed in the responsible person's name by an approver's key", approved,
         Change([Answer("alice", "confirm", key="bob")], one)),
        ("approvals", "confirmed in an approver's name by the responsible person's key", approved,
         Change([Answer("bob", "confirm", key="alice")], one)),
        ("approvals", "approved by the responsible person, who has confirmed", approved,
         Change([confirm, Answer("alice", "support-lead")], two, both=True)),
        ("activation", "the responsible person's key was not activated", approved,
         Change([confirm], one, activated=("bob", "carol"))),
        ("gate", "the confirmation had expired", approved, Change([Answer("alice", "confirm", expired=True)], one)),
        ("decision", "nobody confirmed", approved, Change([], one)),
        ("decision", "an approval in the place of the confirmation", approved, Change([lead], one)),
        ("decision", "both are wanted, and only the approval was given", approved, Change([lead], two, both=True)),
        ("decision", "both are wanted, and only the confirmation was given", approved,
         Change([confirm], two, both=True)),
    ]
    twice = [obligation(NEEDS_LEAD, "confirm", 2)]
    more = [obligation(PERSON, "confirm"), obligation(NEEDS_LEAD, "support-lead", 2)]
    swapped = [obligation(NEEDS_LEAD, "confirm"), obligation(PERSON, "support-lead")]
    claimed = [
        ("decision", "the obligation to confirm has the count 2", denied, Change([confirm], obligations=twice)),
        ("decision", "an obligation has another count than its policy", denied,
         Change([confirm], both=True, obligations=more)),
        ("decision", "two obligations of each other's policies", denied,
         Change([confirm], both=True, obligations=swapped)),
        ("decision", "an obligation of a policy that has none", denied,
         Change([confirm], obligations=[obligation("not-for-mallory", "confirm")])),
        ("decision", "an obligation of a policy that does not exist", denied,
         Change([confirm], obligations=[obligation("nothing", "confirm")])),
        ("decision", "without evidence: the obligation to confirm has the count 2", denied,
         Change([confirm], obligations=twice, copy=True)),
        ("decision", "without evidence: an obligation has another count than its policy", denied,
         Change([confirm], both=True, obligations=more, copy=True)),
        ("decisions", "the decision about an attempt has an obligation to confirm with the count 2", approved,
         Change([confirm], one, obligations=twice)),
        ("decision", "without evidence: one of two obligations is missing", denied,
         Change([confirm], both=True, obligations=more[:1], copy=True)),
        ("decision", "without evidence: an answer that asks has no obligation", denied,
         Change([confirm], obligations=[], copy=True)),
        ("decision", "without evidence: an obligation occurs twice", denied,
         Change([confirm], obligations=[obligation(NEEDS_LEAD, "confirm")] * 2, copy=True)),
        ("decisions", "the decision about an attempt has an obligation", approved,
         Change([confirm], one, obligations=[obligation(NEEDS_LEAD, "confirm")])),
    ]
    for name in ("good", "bad", "trust"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    trust(out / "trust")
    index = []
    for verdict, cases in (("verified", good), ("signatures_only", copies)):
        for name, what, base, change in cases:
            stored(out / f"good/{name}.deed", Remade(base, change).parts)
            index.append({"file": f"good/{name}.deed", "what": what, "verdict": verdict})
    for kind, cases in (("confirmation", bad), ("obligation", claimed)):
        for n, (check, what, base, change) in enumerate(cases):
            file = f"bad/{kind}-{n:02}.deed"
            stored(out / file, Remade(base, change).parts)
            index.append({"file": file, "what": what, "verdict": "failed", "check": check})
    (out / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
