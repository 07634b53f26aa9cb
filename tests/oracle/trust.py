"""The trust directory and its keys (docs/formats.md, section 8)."""

import base64
import hashlib
import json
from pathlib import Path

from securesystemslib.signer import SSlibKey

from basics import require, sha, unbase64

SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: the prefix of the 32-byte key
PEM_END = "-----END PUBLIC KEY-----"


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
