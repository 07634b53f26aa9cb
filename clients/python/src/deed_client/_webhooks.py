"""Verification of the host's webhooks (Standard Webhooks 1.0.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any

# A message whose attempt is further from now than this, in seconds, is refused.
TOLERANCE = 300
_PREFIX = "whsec_"
# The lengths of a key after the prefix, and of any other secret, in bytes. The host accepts no others.
_KEY_BYTES = range(24, 65)
_SECRET_BYTES_MIN = 16


class WebhookError(ValueError):
    """The message is not one that a holder of the secret sent just now. The error does not contain the secret."""


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> dict[str, Any]:
    """The message of a webhook, if its signature is valid and its attempt was made within the tolerance.

    The body must be the bytes as they arrived. The same message can arrive twice; its header `webhook-id` is then the
    same. During a change of the secret, call this function with either secret.

    Raises:
        WebhookError: The message must not be used, or the secret is not one that the host accepts.
    """
    key = _key(secret)
    named = {name.lower(): value for name, value in headers.items()}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if not named.get(name):
            raise WebhookError(f"the header `{name}` is missing")
    timestamp = named["webhook-timestamp"]
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        raise WebhookError("`webhook-timestamp` is not a number of seconds")
    # This form of the comparison also refuses when a number is NaN.
    if not abs((time.time() if now is None else now) - int(timestamp)) <= tolerance:
        raise WebhookError("`webhook-timestamp` is too far from the present time")
    content = _bytes(body) if isinstance(body, str) else body
    signed = _bytes(f"{named['webhook-id']}.{timestamp}.") + content
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(digest)
    # Every signature is compared, so the time does not depend on which one is valid.
    signatures = named["webhook-signature"].split(" ")
    if not any([hmac.compare_digest(_bytes(one), wanted) for one in signatures]):
        raise WebhookError("no signature in `webhook-signature` is valid")
    return _message(content)


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        raise WebhookError("the secret is not a text")
    text = secret.strip("\r\n")
    if not text.startswith(_PREFIX):
        key = _bytes(text)
        if len(key) < _SECRET_BYTES_MIN:
            raise WebhookError(f"the secret has fewer than {_SECRET_BYTES_MIN} bytes")
        return key
    try:
        key = base64.b64decode(text[len(_PREFIX) :], validate=True)
    except ValueError:
        key = b""
    if len(key) not in _KEY_BYTES:
        raise WebhookError(f"the secret after `{_PREFIX}` is not the base64 of 24 to 64 bytes")
    return key


def _bytes(text: str) -> bytes:
    """UTF-8. Lone surrogates have bytes too, so a text of a stranger raises no other error than a wrong signature."""
    return text.encode("utf-8", "surrogatepass")


def _message(content: bytes) -> dict[str, Any]:
    try:
        message = json.loads(content)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise WebhookError("the body is not a JSON object")
    return message
