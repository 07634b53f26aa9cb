"""The zip file of a bundle and its parts (docs/formats.md, section 7)."""

import hashlib
import zipfile
from pathlib import Path

import rfc8785

from basics import decimal, require, strict, unbase64

SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"


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
        "evidence/rehearsal.json", "evidence/exchanges.json",
    }
    return name in fixed or name in {f"{n}.tlog-proof" for n in range(64)}


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
