"""What every module uses: the two ways to fail, strict canonical JSON, base64 and SHA-256."""

import base64
import hashlib
import json

import rfc8785

SAFE = 2**53 - 1
CHANGED = {"old", "new"}  # a value of a change may be null itself
VALUES = CHANGED | {"body", "expect", "outputs"}  # below these members are values of contracts, agents and upstreams


class Failed(Exception):
    """A check failed."""


class Untrusted(Exception):
    """No check failed, but the trust directory lacks data for a required check."""


def require(holds: object, why: str) -> None:
    if not holds:
        raise Failed(why)


def strict(text: bytes) -> object:
    value = json.loads(text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)
    require(integers(value) and rfc8785.dumps(value) == text, "JSON is not canonical")
    return value


def unique(pairs: list) -> dict:
    require(len(dict(pairs)) == len(pairs), "a key occurs twice")
    return dict(pairs)


def no_nulls(predicate: object, at: str = "") -> None:
    """A member that a record does not have is absent and not null (docs/formats.md, 4.4)."""
    if isinstance(predicate, dict):
        for name, one in predicate.items():
            may_be_null = name in CHANGED or (at.endswith("/decision") and name == "reason")
            require(one is not None or may_be_null, f"the member `{at}/{name}` is null instead of absent")
            if name not in VALUES:
                no_nulls(one, f"{at}/{name}")
    elif isinstance(predicate, list):
        for n, one in enumerate(predicate):
            require(one is not None, f"the element `{at}/{n}` is null")
            no_nulls(one, f"{at}/{n}")


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


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
