#!/usr/bin/env python3
"""Verifies a bundle with third-party libraries and none of this project's code.

    verify.py BUNDLE... TRUSTDIR

securesystemslib checks DSSE signatures, rfc8785 checks that JSON is canonical, in-toto-attestation checks that each
payload is a statement, cryptography checks the log's Ed25519 notes; all other work uses zipfile, hashlib and base64.
The script prints a line per check and `VERIFIED`, `FAILED` or `UNVERIFIABLE`; it exits with 0, 1 or 2, like
`deed verify`.
Checks that need Cedar, CEL or the contract's templates are skipped, and a line reports each. No outcome is
judged, so a copy without evidence is `VERIFIED` too, where `deed verify` reports that only signatures and
inclusion are verified.
"""

import base64
import copy
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

VERSION = "v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"
HOST_KINDS = ("activated", "decision", "receipt", "reconciliation")
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: the prefix of the 32-byte key
PEM_END = "-----END PUBLIC KEY-----"
ORDER = 2**252 + 27742317777372353535851937790883648493  # order of the Ed25519 group, RFC 8032 section 5.1
SAFE = 2**53 - 1
NOT_CHECKED = (
    "summary: whether the receipt sums up the evidence",
    "requests: whether the contract renders what was sent",
    "decision: whether Cedar decides the same again",
    "gate: whether every approval that counts fits what ran",
    "outcome, settled: whether CEL and the judge find the same again",
)


class Failed(Exception):
    """A check failed."""


class Untrusted(Exception):
    """No check failed, but the trust directory lacks data for a required check."""


class Trust:
    """A trust directory. If a file is absent, no key of its kind is trusted."""

    def __init__(self, directory: Path) -> None:
        def text(name: str) -> str | None:
            path = directory / name
            return path.read_text() if path.exists() else None

        blocks = (text("receipt.pub") or "").split(PEM_END)
        self.receipt = [key(block) for block in blocks if block.strip()]
        self.windows = json.loads(text("receipt_keys.json") or "[]")
        self.log = [vkey(line) for line in (text("log.vkey") or "").splitlines() if line]
        listed = text("approvers.json")
        self.approvers = None if listed is None else json.loads(listed)

    def counts(self, keyid: str, index: int) -> bool:
        """Whether a receipt key is valid at this log index. Without a list of windows, every key is valid."""
        own = [one for one in self.windows if key(one["key"]).keyid == keyid]
        return not self.windows or any(within(one, index) for one in own)


class Bundle:
    """A well-formed container: parts, envelopes and log proofs, not verified yet."""

    def __init__(self, path: Path) -> None:
        self.parts = container(path)
        text = self.part("chain.intoto.jsonl")
        require(text.endswith(b"\n"), "the chain's last line has no end")
        self.chain = [strict(line) for line in text[:-1].split(b"\n")]
        wrapped = self.part("receipt.sigstore.json")
        at = [n for n, line in enumerate(self.chain) if sigstore(line) == wrapped]
        require(len(at) == 1, "receipt.sigstore.json is not one envelope of the chain")
        self.at = at[0]
        names = sorted(name for name in self.parts if name.endswith(".tlog-proof"))
        wanted = sorted(f"{n}.tlog-proof" for n in range(len(self.chain)))
        require(names == wanted, "there is not one log proof for each envelope")
        self.proofs = [Proof(self.part(f"{n}.tlog-proof").decode()) for n in range(len(self.chain))]

    def part(self, name: str) -> bytes:
        require(name in self.parts, f"{name} is missing")
        return self.parts[name]


class Proof:
    """A C2SP tlog-proof, parsed strictly."""

    def __init__(self, text: str) -> None:
        head, gap, self.checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        require(gap != "" and lines[0] == "c2sp.org/tlog-proof@v1", "not a log proof")
        require(len(lines) > 1 and lines[1].startswith("index "), "a log proof has no index")
        self.index = decimal(lines[1].removeprefix("index "))
        self.hashes = [unbase64(line) for line in lines[2:]]
        require(all(len(one) == 32 for one in self.hashes), "a hash of a log proof is not 32 bytes")
        require(len(self.hashes) <= 63, "a log proof is too long")


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
    for line in NOT_CHECKED:
        print(f"skip  {line}")


# -- container and JSON -----------------------------------------------------------------------------


def container(path: Path) -> dict[str, bytes]:
    """Checks a stored zip: entries are sorted, times are fixed, and writing the zip again gives the same bytes."""
    whole = path.read_bytes()
    require(len(whole) <= 64 << 20, "the bundle is larger than 64 MiB")
    parts, offset, count = {}, 0, 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            plain = (0, zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0), b"", b"", 0, 10, 0, 10, 0)
            found = (
                info.flag_bits, info.compress_type, info.date_time, info.extra, info.comment,
                info.external_attr, info.extract_version, info.create_system, info.create_version,
                info.internal_attr,
            )
            require(found == plain, f"{info.filename} is not a plain entry")
            require(info.header_offset == offset, "there is something between the entries")
            require(info.file_size <= 16 << 20, f"{info.filename} is larger than 16 MiB")
            require(known(info.filename), f"{info.filename} is not a part of a bundle")
            parts[info.filename] = archive.read(info)
            offset += 30 + len(info.filename.encode()) + info.file_size
            count += 1
    require(archive.comment == b"" and list(parts) == sorted(parts), "not sorted, or a comment")
    require(len(parts) == count <= 64, "an entry occurs twice, or there are too many")
    directory = sum(46 + len(name.encode()) for name in parts)
    require(offset + directory + 22 == len(whole), "there is something besides the entries")
    for name, offset in offsets(parts):
        local = whole[offset : offset + 30]
        size = len(parts[name]).to_bytes(4, "little")
        fixed = b"PK\x03\x04" + bytes([10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0])
        crc = zipfile.crc32(parts[name]).to_bytes(4, "little")
        names = len(name).to_bytes(2, "little") + b"\0\0"
        require(local == fixed + crc + size + size + names, f"{name} has another local header")
    return parts


def offsets(parts: dict[str, bytes]) -> list[tuple[str, int]]:
    out, offset = [], 0
    for name, content in parts.items():
        out.append((name, offset))
        offset += 30 + len(name) + len(content)
    return out


def known(name: str) -> bool:
    fixed = {
        "action.json", "contract.json", "grant.json", "receipt.sigstore.json", "chain.intoto.jsonl",
        "policy/policies.cedar", "policy/schema.cedarschema", "policy/entities.json",
        "policy/request.json", "evidence/pre.json", "evidence/post.json", "evidence/later.json",
        "evidence/exchanges.json",
    }
    return name in fixed or name in {f"{n}.tlog-proof" for n in range(64)}


def strict(text: bytes) -> object:
    value = json.loads(text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)
    require(integers(value) and rfc8785.dumps(value) == text, "JSON is not canonical")
    return value


def unique(pairs: list) -> dict:
    require(len(dict(pairs)) == len(pairs), "a key occurs twice")
    return dict(pairs)


def refuse(text: str) -> None:
    raise Failed(f"{text} is not an integer")


def integers(value: object, depth: int = 0) -> bool:
    require(depth <= 64, "JSON is nested too deep")
    if isinstance(value, dict):
        return all(integers(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return all(integers(one, depth + 1) for one in value)
    return not isinstance(value, int) or abs(value) <= SAFE


def canonical(text: bytes) -> bool:
    try:
        strict(text)
    except (Failed, ValueError, rfc8785.CanonicalizationError):
        return False
    return True


def unbase64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 is not written the one right way")
    return data


def decimal(text: str) -> int:
    require(text.isascii() and text.isdigit() and str(int(text)) == text, f"{text} is not a number")
    return int(text)


# -- envelopes --------------------------------------------------------------------------------------


def sigstore(envelope: dict) -> bytes:
    signatures = envelope.get("signatures") or [{}]
    return rfc8785.dumps({
        "mediaType": SIGSTORE,
        "verificationMaterial": {"publicKey": {"hint": signatures[0].get("keyid", "")}},
        "dsseEnvelope": envelope,
    })


def payload(envelope: dict) -> bytes:
    return unbase64(envelope["payload"])


def named(envelope: dict) -> str:
    return "sha256:" + hashlib.sha256(payload(envelope)).hexdigest()


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


# -- log --------------------------------------------------------------------------------------------


def log(opened: Bundle, kinds: list[str], trusted: Trust, tenant: str) -> int:
    """Checks a checkpoint by a trusted key of this tenant's log, and that it includes every envelope, in order."""
    if not trusted.log:
        raise Untrusted("no log key is trusted")
    note = opened.proofs[0].checkpoint
    require(all(proof.checkpoint == note for proof in opened.proofs), "the proofs are not under one checkpoint")
    size, root = checkpoint(note, trusted, tenant)
    places = [proof.index for proof in opened.proofs]
    require(places == sorted(set(places)), "the chain is not in the order of the log")
    for kind, line, proof in zip(kinds, opened.chain, opened.proofs, strict=True):
        hex_digest = hashlib.sha256(payload(line)).hexdigest()
        leaf = sha(b"\0" + f"urn:deed:entry:{VERSION}\n{kind} {hex_digest}\n".encode())
        require(climb(proof.index, size, leaf, proof.hashes) == root, f"the {kind} is not in the log")
        by_a_person = word_at(opened) is line
        if kind in HOST_KINDS and not by_a_person:
            keyid = line["signatures"][0]["keyid"]
            require(trusted.counts(keyid, proof.index), f"the key of the {kind} was not valid then")
    return size


def checkpoint(note: str, trusted: Trust, tenant: str) -> tuple[int, bytes]:
    """Size and root of a signed note (C2SP signed-note, tlog-checkpoint)."""
    text, gap, lines = note.rpartition("\n\n")
    require(gap != "" and lines.endswith("\n"), "the checkpoint is not a signed note")
    text += "\n"
    origin, size, root = text[:-1].split("\n")
    require(origin.rsplit("/", 1)[-1] == tenant, f"{origin} is not the log of {tenant}")
    signed = False
    for line in lines[:-1].split("\n"):
        dash, name, data = line.split(" ")
        blob = unbase64(data)
        require(dash == "—" and len(blob) > 4, "a signature line is malformed")
        for known_name, hint, public in trusted.log:
            if (known_name, hint) == (name, blob[:4]) and name == origin:
                require(not signed and strong(blob[4:]), "the log's signature is not one strict one")
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], text.encode())
                except InvalidSignature as fault:
                    raise Failed("the log's signature does not fit") from fault
                signed = True
    require(signed, f"no trusted key signed the checkpoint of {origin}")
    return decimal(size), unbase64(root)


def climb(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that results from an audit path (RFC 9162 section 2.1.3.2)."""
    require(index < size, "a proof is beyond its tree")
    low, high, node = index, size - 1, leaf
    for one in path:
        require(high != 0, "a proof is too long")
        if low & 1 or low == high:
            node = sha(b"\1" + one + node)
            while not low & 1 and low:
                low, high = low >> 1, high >> 1
        else:
            node = sha(b"\1" + node + one)
        low, high = low >> 1, high >> 1
    require(high == 0, "a proof is too short")
    return node


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# -- digests ----------------------------------------------------------------------------------------


def digests(opened: Bundle, receipt: dict, settled: dict | None, action: dict) -> str:
    """Checks that every part of the bundle has a signed digest, and that the bundle has no other parts."""
    parts = opened.parts
    def of(text: bytes) -> str:
        return "sha256:" + hashlib.sha256(text).hexdigest()

    question = receipt.get("question") or {}
    wanted = {
        "policy/entities.json": question.get("entities_sha256"),
        "policy/request.json": question.get("request_sha256"),
        "evidence/pre.json": (receipt.get("pre") or {}).get("evidence_sha256"),
        "evidence/post.json": (receipt.get("post") or {}).get("evidence_sha256"),
        "evidence/later.json": ((settled or {}).get("look") or {}).get("evidence_sha256"),
        "evidence/exchanges.json": receipt["exchanges_sha256"],
    }
    is_copy = "evidence/exchanges.json" not in parts
    if is_copy and question.get("about_state"):
        require("policy/request.json" not in parts, "a copy has a question about the state that it leaves out")
        wanted["policy/request.json"] = None
    for name, digest in wanted.items():
        if name in parts:
            require(not is_copy or not name.startswith("evidence/"), f"{name} is present without the exchanges")
            require(of(parts[name]) == digest, f"{name} is not what was signed")
        else:
            require(digest is None or is_copy and name.startswith("evidence/"), f"{name} is missing")
    require(of(opened.part("contract.json")) == action["contract"]["digest"], "another contract")
    granted = receipt.get("grant")
    require((granted is None) == ("grant.json" not in parts), "a grant without a receipt's, or the reverse")
    if granted is not None:
        require(rfc8785.dumps(granted) == parts["grant.json"], "grant.json is not that of the receipt")
        binding = {name: of(rfc8785.dumps(one)) for name, one in granted["upstreams"].items()}
        fits = (granted["contract"], granted["adapter"], binding)
        require(fits == (action["contract"]["digest"], action["adapter"], action["binding"]), "another grant")
    decided = receipt.get("decision")
    policy = {"policies": "policy/policies.cedar", "schema": "policy/schema.cedarschema"}
    require(all((decided is None) != (name in parts) for name in policy.values()), "policies without a decision")
    if decided is not None:
        texts = {name: parts[part].decode() for name, part in policy.items()}
        require(of(rfc8785.dumps(texts)) == decided["policy_set"], "other policies than those that decided")
    return "every part is what was signed"


# -- keys -------------------------------------------------------------------------------------------


def key(pem: str) -> SSlibKey:
    """An Ed25519 key in PEM SPKI; its id is the SHA-256 of the DER, as in the bundle's envelopes."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))
    require(len(der) == 44 and der.startswith(SPKI_ED25519), "a trusted key is not Ed25519")
    public = der[len(SPKI_ED25519) :].hex()
    return SSlibKey(hashlib.sha256(der).hexdigest(), "ed25519", "ed25519", {"public": public})


def vkey(text: str) -> tuple[str, bytes, bytes]:
    """Name, key id and key of a C2SP verifier key."""
    name, hint, data = text.split("+", 2)
    blob = unbase64(data)
    require(len(blob) == 33 and blob[0] == 1, "a log key is not Ed25519")
    require(sha(f"{name}\n".encode() + blob)[:4].hex() == hint, "the id of a log key is not its own")
    return name, bytes.fromhex(hint), blob[1:]


def within(one: dict, index: int) -> bool:
    return one.get("from_index", 0) <= index <= one.get("until_index", 2**64)


def require(holds: object, why: str) -> None:
    if not holds:
        raise Failed(why)


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
