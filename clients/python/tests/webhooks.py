"""Checks `verify_webhook` with the example of Standard Webhooks and with a delivery of a running host.

The test of the host starts this script with a delivery in the environment.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from deed_client import WebhookError, verify_webhook

# The example of the reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
AT = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(AT),
    "webhook-signature": SIGNATURE,
}


def refused(why: str, secret: str, headers: Mapping[str, str], body: bytes | str, **more: Any) -> None:
    try:
        verify_webhook(secret, headers, body, **more)
    except WebhookError as error:
        assert why in str(error) and secret not in str(error), (why, error)
        return
    raise AssertionError(f"it must be refused: {why}")


def check_example() -> None:
    assert verify_webhook(SECRET, HEADERS, BODY, now=AT) == {"test": 2432232314}
    assert verify_webhook(SECRET + "\n", HEADERS, BODY.decode(), now=AT + 300)
    upper = {name.title(): value for name, value in HEADERS.items()}
    assert verify_webhook(SECRET, upper, BODY, now=AT - 300)
    several = HEADERS | {"webhook-signature": f"v2,x v1,AAAA {SIGNATURE}"}
    assert verify_webhook(SECRET, several, BODY, now=AT)


def check_refusals() -> None:
    for late in (AT + 301, AT - 301):
        refused("too far from the present time", SECRET, HEADERS, BODY, now=late)
    refused("too far from the present time", SECRET, HEADERS, BODY)
    refused("no signature", SECRET, HEADERS, BODY + b" ", now=AT)
    refused("no signature", "whsec_" + "A" * 32, HEADERS, BODY, now=AT)
    refused("no signature", "another secret, as a text", HEADERS, BODY, now=AT)
    for name in HEADERS:
        rest = {other: value for other, value in HEADERS.items() if other != name}
        refused(f"`{name}` is missing", SECRET, rest, BODY, now=AT)
    for name, value, why in (
        ("webhook-id", "msg_other", "no signature"),
        ("webhook-timestamp", str(AT + 1), "no signature"),
        ("webhook-timestamp", "now", "not a number"),
        ("webhook-timestamp", "1e9", "not a number"),
        ("webhook-timestamp", "9" * 5000, "not a number"),
        ("webhook-signature", SIGNATURE.removeprefix("v1,"), "no signature"),
        ("webhook-signature", SIGNATURE.replace("v1", "v1a"), "no signature"),
        ("webhook-signature", "v1,\u00e9", "no signature"),
        ("webhook-signature", "v1,\udc80 \ud800", "no signature"),
        ("webhook-id", "\udc80\ud800", "no signature"),
    ):
        refused(why, SECRET, HEADERS | {name: value}, BODY, now=AT)
    refused("no signature", SECRET, HEADERS, "\udc80\ud800", now=AT)
    for option in ({"tolerance": math.nan}, {"now": math.nan}, {"now": math.inf}):
        refused("too far from the present time", SECRET, HEADERS, BODY, **option)


def check_secrets() -> None:
    """The signature is valid for the key that a careless reading of the secret gives."""
    short = "has fewer than 16 bytes"
    form = "is not the base64 of 24 to 64 bytes"
    for secret, key, why in (
        ("", b"", short),
        ("\n", b"", short),
        ("\r\n", b"", short),
        ("fifteen bytes..\n", b"fifteen bytes..", short),
        ("whsec_", b"", form),
        ("whsec_\n", b"", form),
        ("whsec_QQ==", b"A", form),
        (of_bytes(23), bytes(23), form),
        (of_bytes(65), bytes(65), form),
        ("whsec_-_", b"", form),
        ("whsec_\u00e9", b"", form),
        ("whsec_\udc80", b"", form),
        (None, b"", "is not a text"),
        (b"sixteen bytes...", b"sixteen bytes...", "is not a text"),
    ):
        try:
            verify_webhook(secret, signed(key), BODY, now=AT)  # type: ignore[arg-type]
        except WebhookError as error:
            assert why in str(error), (secret, error)
        else:
            raise AssertionError(f"the secret must be refused: {secret!r}")
    for good, key in (
        ("sixteen bytes...", b"sixteen bytes..."),
        ("\u00e9" * 8, "\u00e9".encode() * 8),
        (of_bytes(24), bytes(24)),
        (of_bytes(64), bytes(64)),
    ):
        assert verify_webhook(good, signed(key), BODY, now=AT) == {"test": 2432232314}, good


def of_bytes(count: int) -> str:
    return "whsec_" + base64.b64encode(bytes(count)).decode()


def signed(key: bytes) -> dict[str, str]:
    """The headers with a signature by this key."""
    digest = hmac.new(key, f"{HEADERS['webhook-id']}.{AT}.".encode() + BODY, hashlib.sha256).digest()
    return HEADERS | {"webhook-signature": "v1," + base64.b64encode(digest).decode()}


def check_delivery() -> None:
    secret, body = os.environ["WEBHOOK_SECRET"], os.environ["WEBHOOK_BODY"].encode()
    headers = json.loads(os.environ["WEBHOOK_HEADERS"])
    message = verify_webhook(secret, headers, body)
    assert message["type"] == "action.ended", message
    assert message["data"]["outcome"] == "verified", message
    refused("no signature", secret, headers, body.replace(b"verified", b"mismatch"))


if __name__ == "__main__":
    check_example()
    check_refusals()
    check_secrets()
    check_delivery()
    print("done", flush=True)
