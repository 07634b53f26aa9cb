#!/usr/bin/env python3
"""The vectors of passkeys, whose assertions PyPI's webauthn checks too.

    passkeys_by_webauthn.py INDEX

checks the assertions of an index such as tests/vectors/passkeys/index.json by the rules of a login, prints a line per
vector, and exits with 0 if the library accepts each good assertion and refuses each bad one. A vector that only a rule
of docs/formats.md refuses is in `OWN_RULES` with the reason. The library must accept it, or the list is wrong.
"""

import base64
import json
import sys
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import utils
from webauthn import verify_authentication_response
from webauthn.helpers.exceptions import WebAuthnException

sys.dont_write_bytecode = True  # no files beside the modules of this directory

from basics import sha
from passkeys import DOMAIN, SPKI_P256, der, pae

FRAME = "WebAuthn leaves frames to the relying party, and 13.3 refuses them"
JSON = "the library reads JSON that is not strict, which 13.3 refuses"
CHALLENGE = "the library decodes other alphabets and padding, which 13.3 refuses"
EXTENSION = "WebAuthn permits extension data in an assertion, and 13.4 does not"
FORM = "WebAuthn permits several forms of one signature, and 13.2 permits one"
POINT = "the equation holds, and 4.3 refuses points of small order"
SECTION_1 = "the assertion is valid, and the envelope around it is not; 13.1"
STATEMENT = "the assertion is valid, and the statement is not an approval by passkey; 13.6 and 5"
OWN_RULES = {
    "authenticator data: extension data": EXTENSION,
    "client data: `crossOrigin` is true": FRAME,
    "client data: `crossOrigin` is null": FRAME,
    "client data: `crossOrigin` is 0": FRAME,
    "client data: `topOrigin`": FRAME,
    "client data: a challenge with padding": CHALLENGE,
    "client data: a challenge in standard base64": CHALLENGE,
    "client data: a member twice, equal": JSON,
    "client data: an unknown member twice": JSON,
    "client data: a byte order mark": JSON,
    "client data: NaN": JSON,
    "client data: 4097 bytes": "WebAuthn has no limit for client data, and 13.3 has one",
    "signature: S of ES256 in the upper half": FORM,
    "signature: ES256 in DER form": FORM,
    "signature: R of Ed25519 of small order": POINT,
    "form: an assertion with another member": SECTION_1,
    "form: base64 without padding": SECTION_1,
    "form: base64 with a line end": SECTION_1,
    "form: another key id": SECTION_1,
    "form: another payload type": SECTION_1,
    "form: two signatures": SECTION_1,
    "form: `shown` is missing": STATEMENT,
    "form: `shown` is no digest": STATEMENT,
    "form: `reason` is null instead of absent": STATEMENT,
    "form: a decision of the host": STATEMENT,
    "form: a resolution": STATEMENT,
    "form: a statement that is not canonical": STATEMENT,
}
# Envelopes without a whole assertion, or of a key file: there is nothing that the library could check.
NOTHING_TO_CHECK = {
    "a key file",
    "form: no assertion",
    "form: an assertion without client data",
    "form: a key file where trust has a passkey",
    "form: a passkey where trust has a key file",
    "form: a key file with an assertion",
    "form: a key file with `shown`",
}


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def cose(key: bytes) -> bytes:
    """The key as the browser reports it when a passkey is made (RFC 9053, sections 7.1 and 7.2)."""
    if key.startswith(SPKI_P256):
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: key[-64:-32], -3: key[-32:]})
    return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: key[-32:]})


def as_written(signature: bytes, key: bytes) -> bytes:
    """The signature as an authenticator writes it: DER for ES256. Bytes of another length are given as they are."""
    if not key.startswith(SPKI_P256) or len(signature) != 64:
        return signature
    return utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (signature[:32], signature[32:])))


def login(envelope: dict, approver: dict) -> None:
    """Raises an error if the library refuses the assertion."""
    signature, key = envelope["signatures"][0], der(approver["key"])
    assertion = signature["webauthn"]
    payload = base64.b64decode(envelope["payload"])
    verify_authentication_response(
        credential={
            "id": b64url(b"one"), "rawId": b64url(b"one"), "type": "public-key",
            "response": {
                "authenticatorData": b64url(base64.b64decode(assertion["authenticator_data"] + "==")),
                "clientDataJSON": b64url(base64.b64decode(assertion["client_data"])),
                "signature": b64url(as_written(base64.b64decode(signature["sig"]), key)),
            },
        },
        expected_challenge=sha(DOMAIN + pae(payload)),
        expected_rp_id=approver["passkey"]["rp_id"],
        expected_origin=approver["passkey"]["origins"],
        credential_public_key=cose(key),
        credential_current_sign_count=0,
        require_user_verification=True,
    )


def judged(vector: dict) -> tuple:
    """Whether the library agrees with the vector, and a text about it."""
    what, good = vector["what"], vector["verdict"] == "verified"
    try:
        login(vector["envelope"], vector["approver"])
    except WebAuthnException as fault:
        return not good and what not in OWN_RULES, f"refused  {what} ({fault})"
    own = OWN_RULES.get(what)
    return good == (own is None), f"accepted {what}" + (f" ({own})" if own else "")


def main(index: Path) -> int:
    vectors = json.loads(index.read_text())
    unknown = (set(OWN_RULES) | NOTHING_TO_CHECK) - {vector["what"] for vector in vectors}
    for name in sorted(unknown):
        print(f"OTHER no vector has the name: {name}")
    wrong, checked = len(unknown), {"verified": 0, "failed": 0}
    for vector in vectors:
        if vector["what"] in NOTHING_TO_CHECK:
            continue
        agrees, text = judged(vector)
        print(f"{'same ' if agrees else 'OTHER'} {text}")
        wrong += not agrees
        checked[vector["verdict"]] += agrees and vector["what"] not in OWN_RULES
    print(f"{checked['verified']} good and {checked['failed']} bad assertions: the library agrees")
    return 1 if wrong or 0 in checked.values() else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
