"""Values: JSON pointers, the schemas of a contract, normal forms and differences (docs/formats.md, 10.7 and 10.8)."""

import hashlib
import re

import rfc8785

from basics import SAFE

INT32 = 2**31  # an exponent is a 32-bit integer
KEY_MAX = 128  # bytes of the text of an element's key, and of an element that names itself


class Misfit(Exception):
    """A value does not satisfy its schema."""


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal. In Python, `True == 1`."""
    return rfc8785.dumps(one) == rfc8785.dumps(other)


def digest(value: object) -> str:
    return "sha256:" + hashlib.sha256(rfc8785.dumps(value)).hexdigest()


# -- JSON pointers (RFC 6901) -----------------------------------------------------------------------


def tokens(pointer: str) -> list[str]:
    return [one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:]]


def child(pointer: str, token: str) -> str:
    return f"{pointer}/" + token.replace("~", "~0").replace("/", "~1")


def at(value: object, pointer: str) -> tuple[object] | None:
    """The value at a pointer, in a tuple, because the value may be null; None if there is no value."""
    for token in tokens(pointer):
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]*", token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    return (value,)


def covers(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


# -- schemas ----------------------------------------------------------------------------------------


def kind_of(schema: dict) -> str:
    return schema.get("type", "object")


def project(schema: dict, value: object) -> object:
    """The declared part of a value, in normal form (10.3, 10.7)."""
    if isinstance(value, dict):
        kept = {}
        for name, inner in schema.get("properties", {}).items():
            if name in value and (value[name] is not None or inner.get("nullable")):
                kept[name] = project(inner, value[name])
    elif isinstance(value, list) and "items" in schema:
        kept = [project(schema["items"], item) for item in value]
        if "key" in schema or schema.get("unordered"):
            kept = ordered(schema, kept)
    elif kind_of(schema) == "decimal":
        kept = decimal_of(value)
    else:
        kept = value
    check(schema, kept)
    return kept


def ordered(schema: dict, items: list) -> list:
    if "key" not in schema:
        return sorted(items, key=rfc8785.dumps)
    keys = [key_of(schema, item) for item in items]
    if None in keys or len(set(keys)) != len(keys) or any(len(one.encode()) > KEY_MAX for one in keys):
        raise Misfit("a key is absent, too long or not unique")
    return [item for _, item in sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])]


def key_of(schema: dict, item: object) -> str | None:
    found = at(item, schema["key"]) if "key" in schema else None
    return None if found is None else text_of(found[0])


def text_of(value: object) -> str | None:
    """A string, integer or boolean as text."""
    if isinstance(value, str):
        return value
    return rfc8785.dumps(value).decode() if isinstance(value, (bool, int)) else None


def check(schema: dict, value: object) -> None:
    """Fails if the value itself, apart from its members and elements, does not satisfy the schema."""
    if value is None and schema.get("nullable"):
        return
    kind, types = kind_of(schema), {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if kind == "decimal":
        if not isinstance(value, str) or scaled(value) is None or decimal_of(value) != value:
            raise Misfit(f"{value!r} is not a decimal in normal form")
    elif not isinstance(value, types[kind]) or kind == "integer" and (isinstance(value, bool) or abs(value) > SAFE):
        raise Misfit(f"{value!r} is not of the type {kind}")
    if "const" in schema and not same(schema["const"], value):
        raise Misfit("a value differs from `const`")
    if "enum" in schema and not any(same(one, value) for one in schema["enum"]):
        raise Misfit("a value is not in `enum`")
    size = len(value) if kind in ("string", "array") else 0
    least, most = ("minLength", "maxLength") if kind == "string" else ("minItems", "maxItems")
    if not schema.get(least, 0) <= size <= schema.get(most, size):
        raise Misfit("a text or list is too short or too long")
    if kind in ("integer", "decimal"):
        count = value * 10_000 if kind == "integer" else scaled(value)
        if not schema.get("minimum", -SAFE) * 10_000 <= count <= schema.get("maximum", SAFE) * 10_000:
            raise Misfit("a number is out of bounds")
    if "pattern" in schema and not re.search(dialect(schema["pattern"]), value):
        raise Misfit("a text does not match its pattern")


def dialect(pattern: str) -> str:
    """The pattern for Python, in which `$` also matches before a final newline."""
    escapes_and_sets = r"\\.|\[(?:\\.|[^\]\\])*\]|\$"
    return re.sub(escapes_and_sets, lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


def fits(schema: dict, value: object) -> bool:
    """Whether the value satisfies the schema and has no undeclared members."""
    try:
        return same(project(schema, value), value) and not missing(schema, value)
    except Misfit:
        return False


def satisfies(schema: dict, value: object) -> bool:
    """Whether the value satisfies the schema of a computed part, in which a decimal may have any form (11.1)."""
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        named = set(schema.get("required", [])) <= set(value) <= set(inner)
        members = named and all(satisfies(inner[name], one) for name, one in value.items())
    else:
        items = value if isinstance(value, list) and "items" in schema else []
        members = all(satisfies(schema["items"], item) for item in items)
    is_decimal = kind_of(schema) == "decimal" and isinstance(value, str)
    try:
        check(schema, decimal_of(value) if is_decimal else value)
    except Misfit:
        return False
    return members


def missing(schema: dict, value: object) -> list[str]:
    """Pointers to the required properties that the value lacks."""
    found = []
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found += [child("", name) + rest for rest in missing(inner, value[name])]
            elif name in schema.get("required", []):
                found.append(child("", name))
    elif isinstance(value, list) and "items" in schema:
        for n, item in enumerate(value):
            found += [f"/{n}{rest}" for rest in missing(schema["items"], item)]
    return found


def keeps(schema: dict, rest: list[str]) -> bool:
    """Whether the place with these reference tokens is in the declared part of a value."""
    if not rest:
        return True
    inner = schema["items"] if "items" in schema else schema.get("properties", {}).get(rest[0])
    return inner is not None and keeps(inner, rest[1:])


# -- decimals ---------------------------------------------------------------------------------------


def decimal_of(value: object) -> object:
    """A decimal in normal form. A value that is not a decimal is returned unchanged."""
    count = None if isinstance(value, bool) else scaled(str(value)) if isinstance(value, (str, int)) else None
    if count is None:
        return value
    whole, fraction = divmod(abs(count), 10_000)
    text = ("-" if count < 0 else "") + str(whole)
    return text if fraction == 0 else f"{text}." + f"{fraction:04}".rstrip("0")


def scaled(text: str) -> int | None:
    """The decimal times 10,000; None if the text is not a number, is out of range or has more than four digits."""
    found = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?)0*([0-9]+))?", text)
    if found is None:
        return None
    sign, whole, fraction, *exponent = found.groups(default="")
    digits = (whole + fraction).lstrip("0")
    power = int("".join(exponent) or 0) if len(exponent[1]) <= 10 else INT32
    places = len(fraction) - power
    if not all(-INT32 <= one < INT32 for one in (power, places, 4 - places)):
        return None
    power = 4 - places
    if digits == "":
        return 0
    if power < 0:
        if digits[power:].strip("0") or len(digits) < -power:
            return None
        digits = digits[:power]
    if len(digits) + max(power, 0) > 30:
        return None
    count = int(digits or "0") * 10 ** max(power, 0) * (-1 if sign else 1)
    return count if -(2**63) <= count < 2**63 else None


# -- comparison -------------------------------------------------------------------------------------


def comparable(schema: dict, value: object) -> object:
    """The value with its unordered arrays as objects (10.8)."""
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        return {name: comparable(inner[name], one) if name in inner else one for name, one in value.items()}
    if not isinstance(value, list) or "items" not in schema:
        return value
    items = [comparable(schema["items"], one) for one in value]
    if "key" not in schema and not schema.get("unordered"):
        return items
    groups: dict[str, list] = {}
    for item, named in zip(value, items, strict=True):
        name = key_of(schema, item) if "key" in schema else text_of(item)
        name = rfc8785.dumps(item).decode() if name is None else name
        if len(name.encode()) > KEY_MAX:
            name = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        groups.setdefault(name, []).append(named)
    return {name: equal[0] if len(equal) == 1 else equal for name, equal in groups.items()}


def differences(old: tuple | None, new: tuple | None, pointer: str = "") -> list[dict]:
    """The places at which two values differ, sorted by pointer. An absent value is None, a present one in a tuple."""
    if old is None and new is None or old is not None and new is not None and same(old[0], new[0]):
        return []
    sides = [{} if side is None else side[0] for side in (old, new)]
    whole = any(side is not None and side[0] == {} for side in (old, new)) and None in (old, new)
    if whole or not all(isinstance(side, dict) for side in sides):
        change = {"pointer": pointer}
        return [change | ({} if old is None else {"old": old[0]}) | ({} if new is None else {"new": new[0]})]
    found = []
    for name in set(sides[0]) | set(sides[1]):
        pair = [(side[name],) if name in side else None for side in sides]
        found += differences(*pair, child(pointer, name))
    return sorted(found, key=lambda change: change["pointer"].encode())
