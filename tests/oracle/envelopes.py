"""Envelopes and the statements that they sign (docs/formats.md, sections 4 and 5)."""

import copy
import hashlib
import json
import re

import rfc8785
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from basics import Failed, Untrusted, no_nulls, require, strict, unbase64
from container import Bundle, named, payload
from obligations import CONFIRM
from passkeys import approval
from passkeys import keyid as id_of
from passkeys import opened as by_passkey
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
    return read(text, kind, action)


def read(text: bytes, kind: str, action: bytes) -> dict:
    """The statement of a payload whose signature was checked."""
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
    require(isinstance(value["predicate"], dict), "a predicate is not an object")
    no_nulls(value["predicate"])
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
    # 14.3
    acted = receipt["attempts"] or receipt["outcome"] == "verified"
    approved = any(one["decision"] == "approve" for one in listed)
    require("edit" not in about or not acted or approved, "nobody approved the changed version")
    for one in listed:
        n = next(n for n, line in enumerate(opened.chain) if named(line) == one["payload_sha256"])
        keyid = opened.chain[n]["signatures"][0]["keyid"]
        index = opened.proofs[n].index
        terms, owners = answer(opened.chain[n], trusted, index, action)
        may = [who for who in owners if who["person"] == terms["person"] and has_role(who, terms["role"])]
        require(bool(may), f"the key is not that of {terms['person']} in this role")
        require(any(within(who, index) for who in may), f"{terms['person']} was not enrolled then")
        if terms["role"] == CONFIRM:
            require(terms["person"] == about["person"], f"{terms['person']} cannot confirm the action")
        else:
            require(terms["person"] != about["person"], f"{terms['person']} is responsible for the agent that asked")
        require(terms["person"] not in editors(about), f"{terms['person']} edited the action")
        fits = (terms["contract"], terms["adapter"], terms["binding"])
        require(fits == (about["contract"]["digest"], about["adapter"], about["binding"]),
                "an approval is of something else")
        same = all(one[name] == terms[name] for name in ("person", "role", "decision"))
        require(same, "the receipt lists another answer")
    return f"{len(listed)} answer(s), each to exactly this action"


def has_role(who: dict, role: str) -> bool:
    """Whether a person may answer in this role. A confirmation needs no role (15.2)."""
    return role == CONFIRM or role in who["roles"]


def editors(about: dict) -> list[str]:
    """The persons who edited the action (14.1)."""
    return about["edit"]["edited_by"] if "edit" in about else []


def edited(about: dict) -> None:
    """The member `edit` of action.json (14.1)."""
    if "edit" not in about:
        return
    edit = about["edit"]
    require(isinstance(edit, dict) and set(edit) == {"edited_by", "replaces"}, "`edit` has other members")
    names, old = edit["edited_by"], edit["replaces"]
    require(isinstance(names, list) and all(isinstance(name, str) for name in names), "`edited_by` is no list of names")
    require(names != [] and names == sorted(set(names), key=str.encode), "`edited_by` is empty, or out of order")
    require(isinstance(old, str) and re.fullmatch("act_[0-9a-v]{26}", old) is not None, "`replaces` is no id")
    require(old != about["id"], "an action replaces itself")


def answer(envelope: dict, trusted: Trust, index: int, action: bytes) -> tuple[dict, list[dict]]:
    """The terms of an answer, and the approvers whose key signed it, a key file or a passkey for the same origins."""
    keyid = envelope["signatures"][0]["keyid"]
    owners = [who for who in trusted.approvers if id_of(who["key"]) == keyid]
    require(bool(owners), f"the key {keyid} does not belong to an approver")
    # A passkey may have had other origins at another time.
    owner = next((who for who in owners if within(who, index)), owners[0])
    same = [who for who in owners if who.get("passkey") == owner.get("passkey")]
    kinds = {"passkey" in who for who in owners if within(who, index)}
    require(len(kinds) <= 1, "a key is a key file and a passkey at once")
    if "passkey" not in owner:
        terms = statement(envelope, [key(owner["key"])], "approval", action)["predicate"]
        require("shown" not in terms, "only an approval by passkey says what was shown")
        return terms, same
    terms = read(by_passkey(envelope, owner), "approval", action)["predicate"]
    require(isinstance(terms.get("shown"), str), "an approval by passkey does not say what was shown")
    return terms, same


def decisions(opened: Bundle, kinds: list[str], receipt: dict, trusted: Trust, action: bytes) -> str:
    for n, kind in enumerate(kinds):
        if kind == "activated":
            last = statement(opened.chain[n], trusted.receipt, kind, action)["predicate"]
            require(last["tenant"] == json.loads(action)["tenant"], "an activation is of another tenant")
    if receipt.get("decision"):
        require(receipt["activated"], "the receipt names no activation")
        require(last["policy_set"] == receipt["decision"]["policy_set"], "other policies were activated")
        if receipt["outcome"] == "verified" or (receipt["attempts"] and not given_up(receipt)):
            activated(opened, receipt, trusted, last["approvers"])
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
        require(not decided["decision"]["obligations"], "a decision allows an attempt and has obligations")
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
        plan = (receipt.get("rehearsal") or {}).get("plan_sha256")
        require(plan == decided.get("plan"), "the receipt and the last decision differ in: plan")
    return f"{len(receipt['attempts'])} attempt(s), each allowed by a signed decision"


def activated(opened: Bundle, receipt: dict, trusted: Trust, listed: list) -> None:
    """Every approval that counts is by a key that is activated for its person, role and, for a passkey, origins."""
    lines = {named(line): line for line in opened.chain}
    for one in receipt["approvals"]:
        if not one["counted"] or one["decision"] != "approve":
            continue
        line = lines[one["payload_sha256"]]
        keyid = line["signatures"][0]["keyid"]
        may = [who for who in trusted.approvers or []
               if id_of(who["key"]) == keyid and who["person"] == one["person"] and has_role(who, one["role"])]
        person = "sha256:" + hashlib.sha256(one["person"].encode()).hexdigest()
        found = [entry for entry in listed
                 if entry["keyid"] == keyid and entry["person"] == person and has_role(entry, one["role"])]
        fits = [who for who in may for entry in found if entry.get("passkey") == party(who) and valid(line, who)]
        require(bool(fits), f"the key of {one['person']} was not activated as {one['role']}")


def party(who: dict) -> str | None:
    """The digest of the origins of a passkey (13.7); none for a key file."""
    if "passkey" not in who:
        return None
    passkey = who["passkey"]
    sorted_one = {"rp_id": passkey["rp_id"], "origins": sorted(passkey["origins"], key=str.encode)}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(sorted_one)).hexdigest()


def valid(envelope: dict, who: dict) -> bool:
    """Whether the answer is valid for this object of approvers.json."""
    try:
        approval(envelope, who)
    except Failed:
        return False
    return True


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
    owners = [who for who in trusted.approvers if id_of(who["key"]) == keyid]
    require(bool(owners), f"the key {keyid} does not belong to an operator")
    # The key may have been a passkey at another time.
    owner = next((who for who in owners if within(who, index)), owners[0])
    require("passkey" not in owner, "a passkey cannot sign a resolution")
    owners = [who for who in owners if "passkey" not in who]
    said = statement(line, [key(owner["key"])], "reconciliation", action)["predicate"]
    require(set(said) == {"receipt_sha256", "resolution"}, "a resolution has other members")
    word = said["resolution"]
    members = {"person", "role", "verdict", "reason", "nonce", "signed_ms"}
    require(set(word) == members, "a resolution has other members")
    may = [who for who in owners if who["person"] == word["person"] and word["role"] in who["roles"]]
    require(bool(may) and word["role"] == "operator", f"the key is not that of an operator {word['person']}")
    require(any(within(who, index) for who in may), f"{word['person']} was not enrolled then")
    about = json.loads(action)
    require(word["person"] != about["person"], f"{word['person']} is responsible for the agent that asked")
    require(word["person"] not in editors(about), f"{word['person']} edited the action")
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
