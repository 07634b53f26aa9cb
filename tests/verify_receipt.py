#!/usr/bin/env python3
"""Checks the envelopes of a bundle with other people's libraries and none of ours.

    verify_receipt.py BUNDLE TRUSTDIR

securesystemslib checks every DSSE signature, rfc8785 that payloads and action.json are canonical,
in-toto-attestation that each payload is a statement, hashlib that the receipt names the bytes of
the evidence and of the question to policy; parts that a copy leaves out are not missed. Prints `ok N envelopes`, or `failed: why` and
exits with 1. Log, policy and outcome are `deed verify`'s to check.
"""

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import rfc8785
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
APPROVAL = "urn:deed:approval:v0"
DECISION = "urn:deed:decision:v0"
RECEIPT = "urn:deed:receipt:v0"
RECONCILIATION = "urn:deed:reconciliation:v0"
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before the 32 bytes of the key
PEM_END = "-----END PUBLIC KEY-----"


class Failed(Exception):
    pass


def main(bundle: Path, trust: Path) -> int:
    with zipfile.ZipFile(bundle) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    action = parts["action.json"]
    require(canonical(action), "action.json is not canonical")
    chain = [json.loads(line) for line in parts["chain.intoto.jsonl"].splitlines()]
    receipt = json.loads(parts["receipt.sigstore.json"])["dsseEnvelope"]
    require(chain.count(receipt) == 1, "receipt.sigstore.json is not one envelope of the chain")
    at = chain.index(receipt)
    signed = check(receipt, receipt_keys(trust), RECEIPT, action)["predicate"]
    decisions = {attempt["decision_sha256"] for attempt in signed["attempts"]}
    for envelope in chain[:at]:
        digest = "sha256:" + hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest()
        if digest in decisions:
            check(envelope, receipt_keys(trust), DECISION, action)
        else:
            check(envelope, approver_keys(trust), APPROVAL, action)
    for envelope in chain[at + 1 :]:
        check(envelope, receipt_keys(trust), RECONCILIATION, action)
    check_digests(signed, parts)
    return len(chain)


def check_digests(receipt: dict, parts: dict[str, bytes]) -> None:
    """What was seen and asked stands outside of the receipt, under digests that it names."""
    question = receipt.get("question", {})
    named = {
        "evidence/pre.json": receipt.get("pre", {}).get("evidence_sha256"),
        "evidence/post.json": receipt.get("post", {}).get("evidence_sha256"),
        "evidence/exchanges.json": receipt["exchanges_sha256"],
        "policy/entities.json": question.get("entities_sha256"),
        "policy/request.json": question.get("request_sha256"),
    }
    for name in named.keys() & parts.keys():
        found = "sha256:" + hashlib.sha256(parts[name]).hexdigest()
        require(found == named[name], f"{name} is not what the receipt names")


def check(data: dict, keys: list[SSlibKey], kind: str, action: bytes) -> dict:
    """The statement of one envelope, once everything about it holds."""
    require(len(data["signatures"]) == 1, "an envelope has exactly one signature")
    require(data["payloadType"] == PAYLOAD_TYPE, "the payload type is another one")
    require(bool(keys), f"no key is trusted for {kind}")
    envelope = Envelope.from_dict(data)
    envelope.verify(keys, 1)
    payload = envelope.payload
    require(canonical(payload), "a payload is not canonical")
    parsed = json_format.Parse(payload, statement_pb2.Statement())
    statement = Statement.copy_from_pb(parsed)
    statement.validate()
    require(statement.pb.predicate_type == kind, f"a statement is no {kind}")
    (subject,) = statement.pb.subject
    digest = hashlib.sha256(action).hexdigest()
    named = (subject.name, dict(subject.digest))
    require(named == ("action.json", {"sha256": digest}), "a statement is about another action")
    return json.loads(payload)


def canonical(text: bytes) -> bool:
    return rfc8785.dumps(json.loads(text)) == text


def receipt_keys(trust: Path) -> list[SSlibKey]:
    blocks = (trust / "receipt.pub").read_text().split(PEM_END)
    return [key(block) for block in blocks if block.strip()]


def approver_keys(trust: Path) -> list[SSlibKey]:
    listed = [key(one["key"]) for one in json.loads((trust / "approvers.json").read_text())]
    return list({one.keyid: one for one in listed}.values())


def key(pem: str) -> SSlibKey:
    """An Ed25519 key in PEM SPKI; its id is the SHA-256 of the DER, as in our envelopes."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))
    require(len(der) == 44 and der.startswith(SPKI_ED25519), "a trusted key is not Ed25519")
    public = der[len(SPKI_ED25519) :].hex()
    return SSlibKey(hashlib.sha256(der).hexdigest(), "ed25519", "ed25519", {"public": public})


def require(holds: bool, why: str) -> None:
    if not holds:
        raise Failed(why)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        print(f"ok {main(Path(sys.argv[1]), Path(sys.argv[2]))} envelopes")
    except Exception as error:  # whatever a hostile bundle brings about is a failure
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
