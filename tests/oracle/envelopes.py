"""Envelopes and the statements that they sign (docs/formats.md, sections 4 and 5)."""

import copy
import hashlib
import json

import rfc8785
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from basics import Untrusted, require, strict, unbase64
from container import Bundle, named, payload
from trust import Trust, key, within

VERSION = "v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
ORDER = 2**252 + 27742317777372353535851937790883648493  # order of the Ed25519 group, RFC 8032 section 5.1


def statement(data: dict, keys: list[SSlibKey], kind: str, action: bytes) -> dict:
    """The statement of one envelope, after all checks of the envelope passed."""
    if not keys:
        raise Untrusted(f"no key is trusted for {kind}")
    require(set(data) == {"payload", "payloadType", "signatures"}, "an envelope has other fields")
    require(len(data["signatures"]) == 1, "an envelope must have exactly one signature")
    signature = data["signatures"][0]
    require(set(signature) == {"keyid", "sig"}, "a signature has other fields")
    require(data["payloadType"] == PAYLOAD_TYPE, "the payload type is another one")
    by = [one for one in keys if one.keyid == signature["keyid"]]
    require(bool(by), f"{kind}: signed by {signature['keyid']}, which is not a trusted key")
    require(strong(unbase64(signature["sig"])), "a signature is not strict Ed25519")
    text = payload(data)
    # `from_dict` modifies its argument.
    Envelope.from_dict(copy.deepcopy(data)).verify(by, 1)
    value = strict(text)
    parsed = json_format.Parse(text, statement_pb2.Statement())
    found = Statement.copy_from_pb(parsed)
    found.validate()
    require(found.pb.predicate_type == f"urn:deed:{kind}:{VERSION}", f"a statement is not a {kind}")
    (subject,) = found.pb.subject
    name, bytes_of = ("action.json", action) if kind != "activated" else (
        "activation.json", rfc8785.dumps(value["predicate"]))
    digest = hashlib.sha256(bytes_of).hexdigest()
    require((subject.name, dict(subject.digest)) == (name, {"sha256": digest}),
            f"a {kind} is about something else")
    require(set(value) == {"_type", "subject", "predicateType", "predicate"}, "a statement has more fields")
    return value


def strong(signature: bytes) -> bool:
    """64 bytes with S below the order of the group (RFC 8032 section 5.1.7)."""
    return len(signature) == 64 and int.from_bytes(signature[32:], "little") < ORDER


def links(opened: Bundle, receipt: dict) -> list[str]:
    """The kind of each line. The receipt names all lines before it; a resolution and a conclusion may follow it."""
    by = {one["payload_sha256"]: "approval" for one in receipt["approvals"]}
    by |= {one["decision_sha256"]: "decision" for one in receipt["attempts"]}
    before = [named(line) for line in opened.chain[: opened.at]]
    by |= {digest: "activated" for digest in receipt["activated"]}
    require(len(set(before)) == len(before), "an envelope occurs twice")
    require(set(before) == set(by), "the receipt names other envelopes than there are")
    kinds = [by[digest] for digest in before]
    after = len(opened.chain) - opened.at - 1
    require(after <= 2, "more than two envelopes follow the receipt")
    return [*kinds, "receipt", *["reconciliation"] * after]


def approvals(opened: Bundle, receipt: dict, trusted: Trust, action: bytes) -> str:
    listed = receipt["approvals"]
    if listed and trusted.approvers is None:
        raise Untrusted("trust does not name the approvers")
    about = json.loads(action)
    for one in listed:
        n = next(n for n, line in enumerate(opened.chain) if named(line) == one["payload_sha256"])
        keyid = opened.chain[n]["signatures"][0]["keyid"]
        owners = [who for who in trusted.approvers if key(who["key"]).keyid == keyid]
        require(bool(owners), f"the key {keyid} does not belong to an approver")
        terms = statement(opened.chain[n], [key(owners[0]["key"])], "approval", action)["predicate"]
        may = [who for who in owners if who["person"] == terms["person"] and terms["role"] in who["roles"]]
        require(bool(may), f"the key is not that of {terms['person']} in this role")
        index = opened.proofs[n].index
        require(any(within(who, index) for who in may), f"{terms['person']} was not enrolled then")
        require(terms["person"] != about["person"], f"{terms['person']} is responsible for the agent that asked")
        fits = (terms["contract"], terms["adapter"], terms["binding"])
        require(fits == (about["contract"]["digest"], about["adapter"], about["binding"]),
                "an approval is of something else")
        same = all(one[name] == terms[name] for name in ("person", "role", "decision"))
        require(same, "the receipt lists another answer")
    return f"{len(listed)} answer(s), each to exactly this action"


def decisions(opened: Bundle, kinds: list[str], receipt: dict, trusted: Trust, action: bytes) -> str:
    for n, kind in enumerate(kinds):
        if kind == "activated":
            last = statement(opened.chain[n], trusted.receipt, kind, action)["predicate"]
            require(last["tenant"] == json.loads(action)["tenant"], "an activation is of another tenant")
    if receipt.get("decision"):
        require(receipt["activated"], "the receipt names no activation")
        require(last["policy_set"] == receipt["decision"]["policy_set"], "other policies were activated")
    places = {named(line): n for n, line in enumerate(opened.chain)}
    order = [places[attempt["decision_sha256"]] for attempt in receipt["attempts"]]
    numbers = [attempt["n"] for attempt in receipt["attempts"]]
    require(numbers == list(range(1, len(numbers) + 1)) and order == sorted(order), "the attempts are not all in order")
    require(not numbers or "decision" in receipt, "it was attempted, and there is no decision")
    for attempt in receipt["attempts"]:
        line = next(line for line in opened.chain if named(line) == attempt["decision_sha256"])
        decided = statement(line, trusted.receipt, "decision", action)["predicate"]
        require(decided["attempt"] == attempt["n"], "a decision is for another attempt")
        require(decided["decision"]["verdict"] == "allow", "a decision allows nothing")
        require(decided["pre"]["at_ms"] <= decided["cleared_ms"] <= attempt["started_ms"],
                "a decision was made at another time")
        approved = {one["payload_sha256"] for one in receipt["approvals"] if one["decision"] == "approve"}
        require(set(decided["approvals"]) <= approved, "a decision depends on an approval that is missing")
        behind = [one for one in decided["approvals"] if places[one] > places[attempt["decision_sha256"]]]
        require(not behind, "a decision was logged before an approval that it depends on")
    if receipt["attempts"] and not given_up(receipt):
        counted = [one["payload_sha256"] for one in receipt["approvals"] if one["counted"]]
        require(decided["approvals"] == counted, "the receipt and the last decision differ in: approvals")
        for name in ("decision", "question", "grant", "pre"):
            require(receipt.get(name) == decided[name], f"the receipt and the last decision differ in: {name}")
    return f"{len(receipt['attempts'])} attempt(s), each allowed by a signed decision"


def given_up(receipt: dict) -> bool:
    """Whether the host gave up the attempts: the guard rejected the writes, and the host read the state again."""
    if receipt["outcome"] in ("denied", "expired", "cancelled"):
        return True
    sent = [one for attempt in receipt["attempts"] for one in attempt["exchanges"]]
    landed = [one for one in sent if not idle(one)]
    return receipt["outcome"] == "failed" and receipt.get("post") is None and not landed


def idle(exchange: dict) -> bool:
    """Whether the exchange changed nothing: it was not sent, its guard rejected it (412), or it does not write."""
    if not exchange["writes"] or exchange["fate"] == "not_sent":
        return True
    return exchange.get("guard") is not None and exchange["fate"] == {"answered": {"status": 412}}


def word_at(opened: Bundle) -> dict | None:
    """The operator's envelope, between the receipt and the host's conclusion."""
    return opened.chain[-2] if opened.at + 3 == len(opened.chain) else None


def resolution(opened: Bundle, receipt: dict, trusted: Trust, action: bytes) -> dict | None:
    """The operator's resolution of an open receipt: the line between it and the host's conclusion."""
    line = word_at(opened)
    if line is None:
        return None
    if trusted.approvers is None:
        raise Untrusted("trust does not name the operators")
    index = opened.proofs[-2].index
    keyid = line["signatures"][0]["keyid"]
    owners = [who for who in trusted.approvers if key(who["key"]).keyid == keyid]
    require(bool(owners), f"the key {keyid} does not belong to an operator")
    said = statement(line, [key(owners[0]["key"])], "reconciliation", action)["predicate"]
    require(set(said) == {"receipt_sha256", "resolution"}, "a resolution has other members")
    word = said["resolution"]
    members = {"person", "role", "verdict", "reason", "nonce", "signed_ms"}
    require(set(word) == members, "a resolution has other members")
    may = [who for who in owners if who["person"] == word["person"] and word["role"] in who["roles"]]
    require(bool(may) and word["role"] == "operator", f"the key is not that of an operator {word['person']}")
    require(any(within(who, index) for who in may), f"{word['person']} was not enrolled then")
    require(word["person"] != json.loads(action)["person"], f"{word['person']} is responsible for the agent that asked")
    require(said["receipt_sha256"] == named(opened.chain[opened.at]), "a resolution is of another receipt")
    require(receipt["outcome"] == "indeterminate", "there is nothing to resolve")
    require(0 < len(word["reason"].encode()) <= 1000, "a reason is empty or too long")
    return word


def reconciliation(
    opened: Bundle, receipt: dict, trusted: Trust, action: bytes, word: dict | None
) -> dict | None:
    if opened.at + 1 == len(opened.chain):
        return None
    settled = statement(opened.chain[-1], trusted.receipt, "reconciliation", action)["predicate"]
    require(settled["receipt_sha256"] == named(opened.chain[opened.at]), "it settles another receipt")
    require(receipt["outcome"] == "indeterminate" != settled["outcome"], "there is nothing to settle")
    by = None if word is None else named(opened.chain[-2])
    require(settled.get("resolved_by") == by, "it depends on another resolution")
    if "look" not in settled:
        require(word is not None, "there was neither a look nor a resolution")
        comes_to = {"applied": "mismatch", "not_applied": "failed", "retry": "failed"}[word["verdict"]]
        require(settled["outcome"] == comes_to, "a resolution alone gives another outcome")
        require(not settled["changes"] + settled["unexpected"] + settled["checks"], "no look, but changes or checks")
    return settled
