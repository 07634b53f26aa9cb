"""Checks `verify_webhook` with the example of Standard Webhooks and with a delivery of a running host.

The test of the host starts this script with a delivery in the environment.
"""

from __future__ import annotations

import json
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


def refused(why: str, secret: str, headers: Mapping[str, str], body: bytes, **more: Any) -> None:
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
    refused("is not base64", "whsec_-_", HEADERS, BODY, now=AT)
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
    ):
        refused(why, SECRET, HEADERS | {name: value}, BODY, now=AT)


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
    check_delivery()
    print("done", flush=True)
