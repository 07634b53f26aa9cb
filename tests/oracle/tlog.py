"""The log: checkpoints and proofs of inclusion (docs/formats.md, section 6)."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from basics import Failed, Untrusted, decimal, require, sha, unbase64
from container import Bundle, payload
from envelopes import VERSION, strong, word_at
from trust import Trust

HOST_KINDS = ("activated", "decision", "receipt", "reconciliation")


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
