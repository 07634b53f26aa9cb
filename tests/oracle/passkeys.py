#!/usr/bin/env python3
"""Approvals that a passkey signed (docs/formats.md, section 13), checked with PyPI's cryptography.

    passkeys.py INDEX

checks the vectors of an index such as tests/vectors/passkeys/index.json, prints a line per vector, and exits with 0 if
each has the verdict that the index says.
"""

import base64
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import Failed, no_nulls, require, sha, strict, unbase64, unique

PAYLOAD_TYPE = "application/vnd.in-toto+json"
DOMAIN = b"deed:approve:v2\0"
SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # RFC 5480, before x and y
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before the key
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_ED25519 = 2**252 + 27742317777372353535851937790883648493
UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
SMALL_ORDER = {  # encodings of the points of small order on edwards25519, without the sign
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}


def der(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))


def keyid(pem: str) -> str:
    return sha(der(pem)).hex()


def pae(payload: bytes) -> bytes:
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload


def opened(envelope: dict, approver: dict) -> bytes:
    """The payload, after all checks of the envelope and its assertion."""
    require(set(envelope) == {"payload", "payloadType", "signatures"}, "an envelope has other fields")
    require(envelope["payloadType"] == PAYLOAD_TYPE, "the payload type is another one")
    require(len(envelope["signatures"]) == 1, "an envelope must have exactly one signature")
    signature = envelope["signatures"][0]
    require(set(signature) == {"keyid", "sig", "webauthn"}, "a signature of a passkey has other fields")
    require(signature["keyid"] == keyid(approver["key"]), "it is signed by another key")
    assertion = signature["webauthn"]
    require(set(assertion) == {"authenticator_data", "client_data"}, "an assertion has other fields")
    data, client = unbase64(assertion["authenticator_data"]), unbase64(assertion["client_data"])
    payload = unbase64(envelope["payload"])
    party = approver["passkey"]
    require(set(party) == {"rp_id", "origins"}, "a passkey has other fields")
    client_data(client, sha(DOMAIN + pae(payload)), party["origins"])
    authenticator_data(data, party["rp_id"])
    verify(der(approver["key"]), unbase64(signature["sig"]), data + sha(client))
    return payload


def client_data(client: bytes, challenge: bytes, origins: list) -> None:
    require(len(client) <= 4096, "the client data is too long")
    said = json.loads(client.decode(), object_pairs_hook=unique, parse_constant=refused)
    require(isinstance(said, dict), "the client data is no object")
    require(said.get("type") == "webauthn.get", "the client data has another type")
    wanted = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    require(said.get("challenge") == wanted, "the challenge is another one")
    require(isinstance(said.get("origin"), str) and said["origin"] in origins, "the origin is another one")
    require(said.get("crossOrigin", False) is False, "the page was in a frame of another origin")
    require("topOrigin" not in said, "the page was in a frame of another origin")


def refused(text: str) -> None:
    raise Failed(f"{text} is no JSON")


def authenticator_data(data: bytes, rp_id: str) -> None:
    require(len(data) == 37, "the authenticator data does not have 37 bytes")
    require(data[:32] == sha(rp_id.encode()), "the RP ID is another one")
    flags = data[32]
    require(flags & UP and flags & UV, "the person was not present or not verified")
    require(flags & BE or not flags & BS, "the flags of the backup contradict each other")
    require(not flags & (AT | ED), "the authenticator data has flags that an approval must not have")


def verify(key: bytes, signature: bytes, message: bytes) -> None:
    require(len(signature) == 64, "the signature does not have 64 bytes")
    try:
        if len(key) == 91 and key.startswith(SPKI_P256):
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            require(0 < r < ORDER_P256 and 0 < s < ORDER_P256, "the signature is out of range")
            require(s <= ORDER_P256 // 2, "S of the signature is in the upper half of its range")
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key[-65:])
            point.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        else:
            require(len(key) == 44 and key.startswith(SPKI_ED25519), "a key is neither P-256 nor Ed25519")
            s = int.from_bytes(signature[32:], "little")
            require(s < ORDER_ED25519, "S of the signature is not below the order")
            for point in (key[-32:], signature[:32]):
                plain = point[:31] + bytes([point[31] & 0x7F])
                require(plain.hex() not in SMALL_ORDER, "a point has small order")
            ed25519.Ed25519PublicKey.from_public_bytes(key[-32:]).verify(signature, message)
    except InvalidSignature as fault:
        raise Failed("the signature does not match") from fault


def approval(envelope: dict, approver: dict) -> dict:
    """The approval that a person signed with a passkey or, without `passkey`, with a key file."""
    if "passkey" in approver:
        payload = opened(envelope, approver)
    else:
        payload = by_file(envelope, approver)
    statement = strict(payload)
    require(set(statement) == {"_type", "subject", "predicateType", "predicate"}, "a statement has more fields")
    require(statement["predicateType"] == "urn:deed:approval:v1", "a statement is not an approval")
    no_nulls(statement["predicate"])
    shown = statement["predicate"].get("shown")
    if "passkey" in approver:
        require(isinstance(shown, str) and re.fullmatch("sha256:[0-9a-f]{64}", shown), "it does not say what was shown")
    else:
        require("shown" not in statement["predicate"], "only an approval by passkey says what was shown")
    return statement


def by_file(envelope: dict, approver: dict) -> bytes:
    require(envelope["payloadType"] == PAYLOAD_TYPE, "the payload type is another one")
    require(len(envelope["signatures"]) == 1, "an envelope must have exactly one signature")
    signature = envelope["signatures"][0]
    require(set(signature) == {"keyid", "sig"}, "a signature of a key file has other fields")
    require(signature["keyid"] == keyid(approver["key"]), "it is signed by another key")
    payload = unbase64(envelope["payload"])
    verify(der(approver["key"]), unbase64(signature["sig"]), pae(payload))
    return payload


def main(index: Path) -> int:
    wrong = 0
    for vector in json.loads(index.read_text()):
        try:
            approval(vector["envelope"], vector["approver"])
            verdict, why = "verified", ""
        except Exception as fault:  # any error caused by a hostile envelope is a failure
            verdict, why = "failed", f" ({type(fault).__name__}: {fault})"
        agrees = verdict == vector["verdict"]
        wrong += not agrees
        print(f"{'same ' if agrees else 'OTHER'} {verdict:<8} {vector['what']}{why}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
