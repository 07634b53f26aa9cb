#!/usr/bin/env python3
"""Writes tests/vectors/passkeys/index.json: approvals by passkey that a reader must accept, and ones with one fault.

    passkey_vectors.py OUT

The keys and texts are fixed, and so are the signatures, so that the file changes only if this script does.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import sha
from passkeys import DOMAIN, ORDER_ED25519, ORDER_P256, PAYLOAD_TYPE, keyid, pae

RP_ID, ORIGIN = "deed.example", "https://deed.example"
CHROMIUM = '"other_keys_can_be_added_here":"do not compare clientDataJSON against a template"'
DIGEST = "sha256:" + "11" * 32
SHOWN = "sha256:" + "22" * 32
OMIT = object()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class P256:
    """A key on P-256 with signatures by RFC 6979."""

    def __init__(self, seed: int) -> None:
        self.key = ec.derive_private_key(int.from_bytes(bytes([seed] * 32), "big"), ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        der = self.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(32, "big") + min(s, ORDER_P256 - s).to_bytes(32, "big")


class Ed25519:
    def __init__(self, seed: int) -> None:
        self.seed = bytes([seed] * 32)
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def small_order(self, message: bytes) -> bytes:
        """A signature whose R is the neutral element, which the cofactorless equation accepts."""
        scalar = bytearray(hashlib.sha512(self.seed).digest()[:32])
        scalar[0] &= 248
        scalar[31] = scalar[31] & 127 | 64
        r, public = bytes([1]) + bytes(31), self.key.public_key().public_bytes_raw()
        h = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little")
        return r + (h * int.from_bytes(scalar, "little") % ORDER_ED25519).to_bytes(32, "little")


def pem(key) -> str:
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.key.public_key().public_bytes(serialization.Encoding.PEM, info).decode()


BOB, OTHER, EDDY = P256(7), P256(8), Ed25519(7)


def payload(kind: str = "approval", **changes: object) -> bytes:
    predicate = {
        "adapter": DIGEST, "binding": {"idp": DIGEST}, "contract": DIGEST, "decision": "approve",
        "expires_ms": 1_800_000_000_000, "nonce": "33" * 16, "person": "bob", "policy_set": DIGEST,
        "pre_state": DIGEST, "role": "support-lead", "shown": SHOWN, **changes,
    }
    return rfc8785.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {name: value for name, value in predicate.items() if value is not OMIT},
        "predicateType": f"urn:deed:{kind}:v1",
        "subject": [{"digest": {"sha256": "44" * 32}, "name": "action.json"}],
    })


def approver(key, party: object = True) -> dict:
    one = {"person": "bob", "roles": ["support-lead"], "key": pem(key)}
    if party is True:
        party = {"rp_id": RP_ID, "origins": [ORIGIN]}
    return one if party is None else {**one, "passkey": party}


def client(
    text: bytes, *, kind='"webauthn.get"', domain=DOMAIN, challenge=None, origin=f'"{ORIGIN}"',
    rest=',"crossOrigin":false',
) -> str:
    challenge = b64url(sha(domain + pae(text))) if challenge is None else challenge
    origin = "" if origin is OMIT else f',"origin":{origin}'
    return f'{{"type":{kind},"challenge":"{challenge}"{origin}{rest}}}'


def data(flags: int = 0x05, rp_id: str = RP_ID, counter: int = 0, rest: bytes = b"") -> bytes:
    return sha(rp_id.encode()) + bytes([flags]) + counter.to_bytes(4, "big") + rest


def envelope(
    text: bytes = payload(), key=BOB, *, said=None, auth=None, by=None, sign=None, sig=None, **changes
) -> dict:
    """An envelope of this payload. `said` and `auth` are what browser and authenticator write, `by` is the signer."""
    said = (client(text) if said is None else said)
    said = said.encode() if isinstance(said, str) else said
    auth = data() if auth is None else auth
    signature = (sign or (by or key).sign)(auth + sha(said))
    signature = sig(signature) if sig else signature
    one = {
        "keyid": keyid(pem(key)), "sig": b64(signature),
        "webauthn": {"authenticator_data": b64(auth), "client_data": b64(said)}, **changes,
    }
    one = {name: value for name, value in one.items() if value is not OMIT}
    return {"payload": b64(text), "payloadType": PAYLOAD_TYPE, "signatures": [one]}


def plain(text: bytes, key) -> dict:
    """An envelope that a key file signs."""
    one = {"keyid": keyid(pem(key)), "sig": b64(key.sign(pae(text)))}
    return {"payload": b64(text), "payloadType": PAYLOAD_TYPE, "signatures": [one]}


def negated(signature: bytes) -> bytes:
    s = ORDER_P256 - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def as_der(signature: bytes) -> bytes:
    return utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (signature[:32], signature[32:])))


def beyond(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "little") + ORDER_ED25519
    return signature[:32] + s.to_bytes(32, "little")


def good() -> list:
    text = payload()
    return [
        ("ES256", envelope(), approver(BOB)),
        ("ES256 with the members that Chromium adds",
         envelope(said=client(text, rest=f',"crossOrigin":false,{CHROMIUM}')), approver(BOB)),
        ("ES256 without `crossOrigin`", envelope(said=client(text, rest="")), approver(BOB)),
        ("ES256 of a key with a backup and a counter", envelope(auth=data(0x1D, counter=2**32 - 1)), approver(BOB)),
        ("ES256 of a key that could be backed up", envelope(auth=data(0x0D)), approver(BOB)),
        ("ES256 with reserved flags", envelope(auth=data(0x27)), approver(BOB)),
        ("ES256 on the second of two origins",
         envelope(said=client(text, origin='"https://console.deed.example:8443"')),
         approver(BOB, {"rp_id": RP_ID, "origins": ["https://console.deed.example:8443", ORIGIN]})),
        ("ES256 of a denial", envelope(payload(decision="deny", reason="not today")), approver(BOB)),
        ("ES256 with white space and a number in the client data",
         envelope(said=" " + client(text, rest=', "a": [1.5, {}] ').replace("{", "{\n", 1)), approver(BOB)),
        ("Ed25519", envelope(key=EDDY), approver(EDDY)),
        ("a key file", plain(payload(shown=OMIT), EDDY), approver(EDDY, None)),
    ]


def of_authenticator() -> list:
    return [
        ("flag UP not set", data(0x04), "did not test that a person is present"),
        ("flag UV not set", data(0x01), "did not verify the person"),
        ("flag BS without BE", data(0x15), "a backup of a key that cannot be backed up"),
        ("flag AT set", data(0x45), "the flag `AT`"),
        ("flag ED set", data(0x85), "the flag `ED`"),
        ("extension data", data(0x85, rest=b"\xa0"), "has 38 bytes"),
        ("one byte more", data(rest=b"\0"), "has 38 bytes"),
        ("one byte less", data()[:-1], "has 36 bytes"),
        ("no authenticator data", b"", "has 0 bytes"),
        ("another RP ID", data(rp_id="evil.example"), "is for another RP ID"),
        ("the RP ID of a name above", data(rp_id="example"), "is for another RP ID"),
    ]


def of_client() -> list:
    text = payload()
    right = client(text)
    strict, frame, challenge = "is not strict JSON", "in a frame of a page", "the challenge is not that"
    return [
        ("type webauthn.create", client(text, kind='"webauthn.create"'), "`type` of the client data"),
        ("type payment.get", client(text, kind='"payment.get"'), "`type` of the client data"),
        ("type is null", client(text, kind="null"), "has no text `type`"),
        ("another origin", client(text, origin='"https://evil.example"'), "is not an origin"),
        ("the origin without TLS", client(text, origin='"http://deed.example"'), "is not an origin"),
        ("the origin with a slash", client(text, origin=f'"{ORIGIN}/"'), "is not an origin"),
        ("the origin with a port", client(text, origin=f'"{ORIGIN}:443"'), "is not an origin"),
        ("the origin in upper case", client(text, origin='"https://DEED.example"'), "is not an origin"),
        ("a list of origins", client(text, origin=f'["{ORIGIN}"]'), "has no text `origin`"),
        ("no origin", client(text, origin=OMIT), "has no text `origin`"),
        ("`crossOrigin` is true", client(text, rest=',"crossOrigin":true'), frame),
        ("`crossOrigin` is null", client(text, rest=',"crossOrigin":null'), frame),
        ("`crossOrigin` is 0", client(text, rest=',"crossOrigin":0'), frame),
        ("`topOrigin`", client(text, rest=f',"crossOrigin":false,"topOrigin":"{ORIGIN}"'), frame),
        ("the challenge of another payload", client(payload(decision="deny")), challenge),
        ("the challenge of another nonce", client(payload(nonce="55" * 16)), challenge),
        ("the challenge of another text", client(payload(shown=DIGEST)), challenge),
        ("a challenge for signing in", client(text, domain=b"deed:sign-in:v1\0"), challenge),
        ("a challenge without a purpose", client(text, domain=b""), challenge),
        ("a challenge of the payload alone", client(text, challenge=b64url(sha(DOMAIN + text))), challenge),
        ("a challenge with padding", client(text, challenge=b64url(sha(DOMAIN + pae(text))) + "="), challenge),
        ("a challenge in standard base64", client(text, challenge=b64(sha(DOMAIN + pae(text)))), challenge),
        ("an empty challenge", client(text, challenge=""), challenge),
        ("a member twice, the right one first", client(text, rest=',"origin":"https://evil.example"'), strict),
        ("a member twice, equal", client(text, rest=f',"origin":"{ORIGIN}"'), strict),
        ("an unknown member twice", client(text, rest=',"a":1,"a":1'), strict),
        ("a byte order mark", "\ufeff" + right, strict),
        ("text behind the value", right + "{}", strict),
        ("a comma too many", client(text, rest=","), strict),
        ("NaN", client(text, rest=',"a":NaN'), strict),
        ("not UTF-8", right.encode()[:-1] + b',"a":"\xff"}', strict),
        ("a list", f"[{right}]", "has no text `type`"),
        ("no client data", "", strict),
        ("4097 bytes", right + " " * (4097 - len(right)), "has 4097 bytes"),
    ]


def of_signature() -> list:
    text = payload()
    mismatch, form = "the signature does not match the assertion", "is not 64 bytes"
    forged = envelope(key=EDDY)
    forged["signatures"][0]["sig"] = b64(EDDY.sign(pae(text)))
    return [
        ("S of ES256 in the upper half", envelope(sig=negated), BOB, "in the upper half"),
        ("ES256 in DER form", envelope(sig=as_der), BOB, form),
        ("one byte behind the signature", envelope(sig=lambda one: one + b"\0"), BOB, form),
        ("a signature cut short", envelope(sig=lambda one: one[:-1]), BOB, form),
        ("no signature", envelope(sig=lambda one: b""), BOB, form),
        ("zeros as signature of ES256", envelope(sig=lambda one: bytes(64)), BOB, form),
        ("r and s exchanged", envelope(sig=lambda one: one[32:] + one[:32]), BOB, None),
        ("another key under this id", envelope(by=OTHER), BOB, mismatch),
        ("a signature with Ed25519 for a key on P-256", envelope(by=EDDY), BOB, None),
        ("a signature with ES256 for a key of Ed25519", envelope(key=EDDY, by=BOB), EDDY, mismatch),
        ("S of Ed25519 beyond the order", envelope(key=EDDY, sig=beyond), EDDY, mismatch),
        ("R of Ed25519 of small order", envelope(key=EDDY, sign=EDDY.small_order), EDDY, mismatch),
        ("a signature over the payload, with an assertion", forged, EDDY, mismatch),
        ("a signature over the client data itself",
         envelope(sign=lambda _: BOB.sign(data() + client(text).encode())), BOB, mismatch),
        ("a signature without the authenticator data",
         envelope(sign=lambda _: BOB.sign(sha(client(text).encode()))), BOB, mismatch),
        ("authenticator data of another signature",
         replaced(envelope(), "authenticator_data", b64(data(counter=1))), BOB, mismatch),
    ]


def replaced(one: dict, name: str, value: object) -> dict:
    one["signatures"][0]["webauthn"][name] = value
    return one


def of_form() -> list:
    right = envelope()
    assertion = right["signatures"][0]["webauthn"]
    auth, said = assertion["authenticator_data"], assertion["client_data"]
    other = {**right, "payloadType": "application/json"}
    twice = {**right, "signatures": right["signatures"] * 2}
    file, dressed = plain(payload(shown=OMIT), EDDY), plain(payload(shown=OMIT), EDDY)
    dressed["signatures"][0]["webauthn"] = envelope(payload(shown=OMIT), EDDY)["signatures"][0]["webauthn"]
    named = envelope(keyid=keyid(pem(OTHER)))
    return [
        ("no assertion", envelope(webauthn=OMIT), approver(BOB), "has no member `webauthn`"),
        ("an assertion without client data", envelope(webauthn={"authenticator_data": auth}), approver(BOB), None),
        ("an assertion with another member", envelope(webauthn={**assertion, "user_handle": ""}), approver(BOB), None),
        ("base64 without padding", replaced(envelope(), "authenticator_data", auth.rstrip("=")), approver(BOB),
         "is not standard base64"),
        ("base64 with a line end", replaced(envelope(), "client_data", said + "\n"), approver(BOB),
         "is not standard base64"),
        ("another key id", named, approver(BOB), "names a different key"),
        ("another payload type", other, approver(BOB), "the payload type"),
        ("two signatures", twice, approver(BOB), "exactly one signature"),
        ("`shown` is missing", envelope(payload(shown=OMIT)), approver(BOB), "must have `shown`"),
        ("`shown` is no digest", envelope(payload(shown="a text")), approver(BOB), "is not an approval"),
        ("`reason` is null instead of absent", envelope(payload(reason=None)), approver(BOB), "is not an approval"),
        ("a decision of the host", envelope(payload("decision")), approver(BOB), "only `urn:deed:approval:v1`"),
        ("a resolution", envelope(payload("reconciliation")), approver(BOB), "only `urn:deed:approval:v1`"),
        ("a statement that is not canonical", envelope(payload().replace(b":", b": ", 1)), approver(BOB),
         "is not canonical"),
        ("a key file where trust has a passkey", file, approver(EDDY), "has no member `webauthn`"),
        ("a passkey where trust has a key file", envelope(key=EDDY), approver(EDDY, None), "its key is a key file"),
        ("a key file with an assertion", dressed, approver(EDDY, None), "its key is a key file"),
        ("a key file with `shown`", plain(payload(), EDDY), approver(EDDY, None), "must not have `shown`"),
        ("trust has another origin", envelope(),
         approver(BOB, {"rp_id": RP_ID, "origins": ["https://console.deed.example"]}), "is not an origin"),
        ("trust has another RP ID", envelope(), approver(BOB, {"rp_id": "example", "origins": [ORIGIN]}),
         "is for another RP ID"),
    ]


def vectors() -> list:
    all_of = [{"what": what, "verdict": "verified", "approver": who, "envelope": one} for what, one, who in good()]
    bad = [(f"authenticator data: {what}", envelope(auth=auth), approver(BOB), why)
           for what, auth, why in of_authenticator()]
    bad += [(f"client data: {what}", envelope(said=said), approver(BOB), why) for what, said, why in of_client()]
    bad += [(f"signature: {what}", one, approver(key), why) for what, one, key, why in of_signature()]
    bad += [(f"form: {what}", one, who, why) for what, one, who, why in of_form()]
    for what, one, who, why in bad:
        vector = {"what": what, "verdict": "failed", "approver": who, "envelope": one}
        all_of.append(vector if why is None else {**vector, "why": why})
    return all_of


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    Path(sys.argv[1]).write_text(json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n")
