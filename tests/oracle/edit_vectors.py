#!/usr/bin/env python3
"""Writes tests/vectors/edits/: bundles of edited actions that a reader must accept, and ones with one fault.

    edit_vectors.py VECTORS OUT

Each bundle is made from one in VECTORS/good: its action gets a member `edit`, and all statements are signed and logged
again. The keys are fixed, so the files change only if this script or those bundles do.
"""

import base64
import hashlib
import json
import shutil
import sys
import zipfile
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import sha
from container import Bundle, payload, sigstore
from passkeys import PAYLOAD_TYPE, keyid, pae

OLD = "act_00000000000000000000000000"
ORIGIN = "deed.example/logs/acme"
PEOPLE = ("bob", "carol")


class Key:
    def __init__(self, seed: int) -> None:
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        self.pem = self.key.public_key().public_bytes(serialization.Encoding.PEM, info).decode()
        self.id = keyid(self.pem)


RECEIPT, LOG = Key(81), Key(82)
OF = {"bob": Key(83), "carol": Key(84)}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def envelope(statement: dict, signer: Key) -> dict:
    text = rfc8785.dumps(statement)
    signature = {"keyid": signer.id, "sig": b64(signer.key.sign(pae(text)))}
    return {"payload": b64(text), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = split(len(leaves))
    return sha(b"\1" + root(leaves[:left]) + root(leaves[left:]))


def path(n: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    left = split(len(leaves))
    if n < left:
        return [*path(n, leaves[:left]), root(leaves[left:])]
    return [*path(n - left, leaves[left:]), root(leaves[:left])]


def split(count: int) -> int:
    """The greatest power of two below the count (RFC 9162, section 2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def note(size: int, top: bytes) -> str:
    text = f"{ORIGIN}\n{size}\n{b64(top)}\n"
    return f"{text}\n— {ORIGIN} {b64(hint() + LOG.key.sign(text.encode()))}\n"


def hint() -> bytes:
    return sha(f"{ORIGIN}\n".encode() + b"\1" + LOG.key.public_key().public_bytes_raw())[:4]


def remade(base: Path, edit: object) -> dict[str, bytes]:
    """The parts of this bundle with another `edit`, every statement signed and logged again."""
    opened = Bundle(base)
    action = json.loads(opened.part("action.json"))
    before = hashlib.sha256(opened.part("action.json")).hexdigest()
    text = rfc8785.dumps({**action, "edit": edit})
    known = {before: hashlib.sha256(text).hexdigest()}
    chain, leaves = [], []
    for line in opened.chain:
        raw = payload(line).decode()
        for old, new in known.items():
            raw = raw.replace(old, new)
        statement = json.loads(raw)
        kind = statement["predicateType"].split(":")[2]
        if kind == "activated":
            activated(statement)
        signer = OF[statement["predicate"]["person"]] if kind == "approval" else RECEIPT
        made = envelope(statement, signer)
        known[hashlib.sha256(payload(line)).hexdigest()] = hashlib.sha256(payload(made)).hexdigest()
        digest = hashlib.sha256(payload(made)).hexdigest()
        leaves.append(sha(b"\0" + f"urn:deed:entry:v1\n{kind} {digest}\n".encode()))
        chain.append(made)
    parts = {name: content for name, content in opened.parts.items() if not name.endswith(".tlog-proof")}
    parts["action.json"] = text
    parts["chain.intoto.jsonl"] = b"".join(rfc8785.dumps(line) + b"\n" for line in chain)
    parts["receipt.sigstore.json"] = sigstore(chain[opened.at])
    head = note(len(leaves), root(leaves))
    for n in range(len(leaves)):
        hashes = "".join(f"{b64(one)}\n" for one in path(n, leaves))
        parts[f"{n}.tlog-proof"] = f"c2sp.org/tlog-proof@v1\nindex {n}\n{hashes}\n{head}".encode()
    return parts


def activated(statement: dict) -> None:
    """Gives an activation the approvers of these vectors."""
    people = [
        {"keyid": OF[name].id, "person": "sha256:" + hashlib.sha256(name.encode()).hexdigest(), "roles": ["support-lead"]}
        for name in PEOPLE
    ]
    statement["predicate"]["approvers"] = sorted(people, key=lambda one: one["keyid"])
    digest = hashlib.sha256(rfc8785.dumps(statement["predicate"])).hexdigest()
    statement["subject"][0]["digest"]["sha256"] = digest


def stored(file: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.create_version, info.extract_version, info.external_attr = 0, 10, 10, 0
            archive.writestr(info, parts[name])
    # zipfile writes a later version and attributes into the directory.
    data = bytearray(file.read_bytes())
    at = data.find(b"PK\1\2")
    while at != -1:
        data[at + 4 : at + 8] = bytes([10, 0, 10, 0])
        data[at + 38 : at + 42] = bytes(4)
        at = data.find(b"PK\1\2", at + 46)
    file.write_bytes(bytes(data))


def edited(*names: str, **more: object) -> dict:
    return {"edited_by": list(names), "replaces": OLD, **more}


def trust(to: Path) -> None:
    (to / "receipt.pub").write_text(RECEIPT.pem)
    public = LOG.key.public_key().public_bytes_raw()
    (to / "log.vkey").write_text(f"{ORIGIN}+{hint().hex()}+{b64(bytes([1]) + public)}\n")
    people = [{"from_index": 0, "key": OF[name].pem, "person": name, "roles": ["support-lead"]} for name in PEOPLE]
    (to / "approvers.json").write_text(json.dumps(people, separators=(",", ":")))


def main(vectors: Path, out: Path) -> None:
    approved, denied, read = (vectors / f"good/{name}.deed" for name in ("verified", "denied-by-a-person", "read"))
    own = json.loads(Bundle(approved).part("action.json"))["id"]
    good = [
        ("edited", "an edited action that another person approved", approved, edited("carol")),
        ("edited-twice", "an action that two persons edited", approved, edited("carol", "dave")),
        ("edited-denied", "an edited action that another person denied", denied, edited("bob")),
    ]
    bad = [
        ("approvals", "approved by its editor", approved, edited("bob")),
        ("approvals", "approved by one of its editors", approved, edited("bob", "carol")),
        ("approvals", "denied by its editor", denied, edited("carol")),
        ("approvals", "a read that nobody approved", read, edited("carol")),
        ("subject", "`edited_by` is empty", approved, edited()),
        ("subject", "`edited_by` is not sorted", approved, edited("dave", "carol")),
        ("subject", "`edited_by` has a name twice", approved, edited("carol", "carol")),
        ("subject", "`edited_by` is a text", approved, {"edited_by": "carol", "replaces": OLD}),
        ("subject", "`edit` has no `replaces`", approved, {"edited_by": ["carol"]}),
        ("subject", "`edit` has a member more", approved, edited("carol", reason="because")),
        ("subject", "`replaces` is the action itself", approved, edited("carol", replaces=own)),
        ("subject", "`replaces` is no id", approved, edited("carol", replaces="act_1")),
        ("subject", "`edit` is null", approved, None),
        ("subject", "`edit` is a list", approved, [["carol"], OLD]),
    ]
    for name in ("good", "bad", "trust"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    trust(out / "trust")
    index = []
    for name, what, base, edit in good:
        stored(out / f"good/{name}.deed", remade(base, edit))
        index.append({"file": f"good/{name}.deed", "what": what, "verdict": "verified"})
    for n, (check, what, base, edit) in enumerate(bad):
        file = f"bad/edit-{n:02}.deed"
        stored(out / file, remade(base, edit))
        index.append({"file": file, "what": what, "verdict": "failed", "check": check})
    (out / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
