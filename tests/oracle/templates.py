"""The requests that a contract renders from parameters and the id of the action (docs/formats.md, 3.5, 10.2, 11.1)."""

import copy
import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from basics import SAFE, refuse, require, unique
from values import at, child, decimal_of, same, scaled, text_of

SAFE_METHODS = ("GET", "HEAD")
LITERAL = "-._~!$'()*+,;=:@/?"  # what stays as it is in the literal text of a path or query, besides letters and digits
COPIED = (
    "upstream", "codec", "guard", "expose", "absent", "created", "throttled", "accepted", "refused_when", "name",
    "location", "optional", "secrets",
)
PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
ANSWER = re.compile(r"\{answer\.([^{}.]+)\.([^{}]+)\}")
MAX_PATH = 8192


class Fraction:
    """A number of `body_json` with a fraction or an exponent, as the canonical text of the decimal (10.11)."""

    def __init__(self, digits: str) -> None:
        require(scaled(digits) is not None, f"`body_json` has {digits}, which is not a decimal")
        self.text = decimal_of(digits)


@dataclass
class Notes:
    """The places in a body that are not those of literal values."""

    pre: dict = field(default_factory=dict)
    any: dict = field(default_factory=dict)
    awaited: dict = field(default_factory=dict)
    numbers: list = field(default_factory=list)
    is_form: bool = False  # whether an object or array of which nothing is left is left out


class Contract:
    """A contract with its requests rendered: `observe` and `perform`, in the order of its rules."""

    def __init__(self, contract: dict, action: dict) -> None:
        self.text, self.action = contract, action
        self.two = contract["format"] == 2
        self.params = action["params"]
        declared = contract["params"].get("properties", {})
        self.numbers = {name for name, schema in declared.items() if schema.get("as") == "number"}
        self.states = contract["state"]
        rules = {phase: contract.get(phase, {}).get("http", []) for phase in ("observe", "perform")}
        self.observe_rules, self.perform_rules = rules["observe"], rules["perform"]
        self.observe, self.perform = ([self.request(rule) for rule in all_of] for all_of in rules.values())

    def sources(self, shape: dict) -> list[int]:
        """The positions of the rules of `observe` from which the host reads a state."""
        requests = [rule["request"] for rule in self.observe_rules]
        named = shape.get("from", [])
        return [requests.index(one) for one in ([named] if isinstance(named, str) else named)]

    def resource(self) -> str:
        whole = self.text["action"]["resource"]
        def is_literal(part: str) -> bool:
            return not self.two and whole_placeholder(part) is None

        return "/".join(part if is_literal(part) else self.encoded(part, str) for part in whole.split("/"))

    # -- one request --------------------------------------------------------------------------------

    def request(self, rule: dict) -> dict:
        method, target = rule["request"].split(" ", 1)
        path, question, query = target.partition("?")
        rendered = {name: rule[name] for name in COPIED if name in rule}
        sent = self.path(path) + (self.query(query) if question else "")
        writes = rule.get("writes", False) or not (method in SAFE_METHODS or rule.get("reads", False))
        rendered |= {"method": method, "path": sent, "calls": rule.get("calls", 1), "writes": writes}
        headers = {name.lower(): self.plain(value) for name, value in rule.get("headers", {}).items()}
        where = {pointer: self.body(value, "", Notes())[0] for pointer, value in rule.get("where", {}).items()}
        is_form = rule.get("codec", {}).get("request") == "form"
        body, notes = None, Notes(is_form=is_form)
        if "body" in rule or "body_json" in rule:
            found = self.body(template_of(rule), "", notes)
            require(found != (None,), "a rendered body is null")
            body = found and found[0]
            notes.numbers.sort(key=str.encode)
        if is_form:
            body = None if body is None else self.form(body)
            notes = Notes(awaited=notes.awaited)
        rendered |= {} if body is None else {"body": body}
        optional = {"headers": headers, "where": where, "numbers": notes.numbers}
        optional |= {"pre": notes.pre, "any": notes.any, "awaited": notes.awaited}
        return rendered | {name: value for name, value in optional.items() if value}

    def path(self, path: str) -> str:
        if path == "/":
            return "/"
        slash = "/" if self.two and path.endswith("/") else ""
        segments = path.removesuffix(slash).split("/")[1:]
        literal = normal if self.two else str
        filled = [self.encoded(one, literal) for one in segments]
        for one, segment in zip(filled, segments, strict=True):
            require(not (self.two and "{" in segment and has_dots(one)), f"a value makes a dot segment in {path}")
        return "".join(f"/{one}" for one in filled) + slash

    def query(self, query: str) -> str:
        literal, pairs = normal if self.two else str, []
        for pair in filter(None, query.split("&")):
            name, value = pair.split("=", 1)
            pieces = self.pieces(value)
            if len(pieces) == 1 and pieces[0][0] == "optional" and pieces[0][1] not in self.params:
                continue
            pairs.append(f"{literal(name)}={self.encoded(value, literal)}")
        return "?" + "&".join(pairs) if pairs else ""

    # -- text with placeholders ---------------------------------------------------------------------

    def pieces(self, text: str) -> list[tuple[str, str]]:
        """The parts of a text: each a kind (`text`, `param`, `optional`, `id`, `pre`, `answer`) and its text."""
        if not self.two:
            name = whole_placeholder(text)
            require(name is not None or not set(text) & set("{}"), f"`{text}` mixes text and a placeholder")
            return [("text", text)] if name is None else [("param", name)]
        found, end = [], 0
        for brace in PIECES.finditer(text):
            found += [("text", text[end : brace.start()])]
            end = brace.end()
            doubled = brace[0] in ("{{", "}}")
            require(doubled or brace[1], f"a brace in `{text}` is neither doubled nor of a placeholder")
            found += [("text", brace[0][0])] if doubled else [source(brace[1])]
        found += [("text", text[end:])]
        kept: list[tuple[str, str]] = []
        for kind, one in found:
            if kind == "text" and kept and kept[-1][0] == "text":
                kept[-1] = ("text", kept[-1][1] + one)
            elif kind != "text" or one:
                kept.append((kind, one))
        return kept

    def value(self, kind: str, name: str) -> tuple[object] | None:
        """The value of a placeholder in a tuple; None if it is absent."""
        if kind == "id":
            return (self.action["id"],)
        return (self.params[name],) if name in self.params else None

    def plain(self, text: str) -> str:
        return "".join(one if kind == "text" else self.word(kind, one) for kind, one in self.pieces(text))

    def word(self, kind: str, name: str) -> str:
        found = self.value(kind, name)
        word = None if found is None else text_of(found[0])
        require(word is not None, f"the parameter `{name}` has no text")
        return word

    def encoded(self, text: str, literal: callable) -> str:
        """A segment, a query value or a part of a resource with its values percent-encoded."""
        out = []
        for kind, one in self.pieces(text):
            if kind == "text":
                out.append(literal(one))
            elif kind == "answer":
                out.append(f"{{answer.{one}}}")
            else:
                word = self.word(kind, one)
                require(word and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in word), f"`{one}` cannot be sent")
                out.append(quote(word, safe="-._~"))
        whole = "".join(out)
        require(whole == text or unquote(whole) not in (".", ".."), f"a value makes a dot segment of `{text}`")
        return whole

    # -- bodies -------------------------------------------------------------------------------------

    def body(self, template: object, place: str, notes: Notes) -> tuple[object] | None:
        """The filled body in a tuple; None if it is left out. Notes the places of other values (10.11, 10.12, 11.1)."""
        if isinstance(template, list):
            kept: list = []
            for item in template:
                found = self.body(item, child(place, str(len(kept))), notes)
                kept += [] if found is None else [found[0]]
            return None if not kept and notes.is_form and place else (kept,)
        if isinstance(template, dict):
            if self.two and is_part(template):
                notes.any[place] = template["name"]
                return (None,) if place else None
            found = {name: self.body(template[name], child(place, name), notes) for name in sorted(template)}
            kept = {name: one[0] for name, one in found.items() if one is not None}
            return None if not kept and notes.is_form and place else (kept,)
        if isinstance(template, Fraction):
            notes.numbers.append(place)
            return (template.text,)
        pieces = self.pieces(template) if isinstance(template, str) else [("text", template)]
        if len(pieces) != 1 or pieces[0][0] == "text":
            return (self.plain(template) if isinstance(template, str) else template,)
        kind, name = pieces[0]
        if kind == "pre":
            notes.pre[place] = "/" + name.replace(".", "/")
            return (None,)
        if kind == "answer":
            notes.awaited[place] = name
            return (None,)
        found = self.value(kind, name)
        if found is not None and kind != "id" and name in self.numbers:
            notes.numbers.append(place)
        return found

    def form(self, body: object) -> object:
        """The body of a form, in which each value is text. A value of an answer stays null."""
        if isinstance(body, dict):
            return {name: self.form(one) for name, one in body.items()}
        if isinstance(body, list):
            return [self.form(one) for one in body]
        if body is None:
            return None
        require(text_of(body) is not None, "a value of a form has no text")
        return text_of(body)


def template_of(rule: dict) -> object:
    """The template of a rule's body."""
    return rule["body"] if "body" in rule else body_json(rule["body_json"])


def is_part(members: dict) -> bool:
    """Whether this is a part that the adapter computes: a schema in `any`, and its `name`."""
    return set(members) == {"any", "name"} and isinstance(members["any"], dict)


def part_schema(template: object, name: str) -> dict | None:
    """The schema of the part with this name in the template of a body."""
    if isinstance(template, dict) and is_part(template):
        return template["any"] if template["name"] == name else None
    inner = template.values() if isinstance(template, dict) else template if isinstance(template, list) else []
    return next((found for one in inner if (found := part_schema(one, name)) is not None), None)


def body_json(text: str) -> object:
    """The template in `body_json`. A number with a fraction or an exponent is never read as a float."""
    return json.loads(text, object_pairs_hook=unique, parse_float=Fraction, parse_int=integer, parse_constant=refuse)


def integer(digits: str) -> int:
    require(digits != "-0" and len(digits) <= 17 and abs(int(digits)) <= SAFE, f"`body_json` has the integer {digits}")
    return int(digits)


def source(name: str) -> tuple[str, str]:
    """The kind and the name of a placeholder of format 2."""
    if name == "action.id":
        return ("id", name)
    for kind in ("pre", "answer"):
        if name.startswith(f"{kind}."):
            return (kind, name.removeprefix(f"{kind}."))
    return ("optional", name[:-1]) if name.endswith("?") else ("param", name)


def whole_placeholder(text: str) -> str | None:
    found = re.fullmatch(r"\{([^{}]+)\}", text)
    return found and found[1]


def normal(literal: str) -> str:
    """Literal text of a path or query in the form in which it is sent (RFC 3986, section 6.2.2)."""
    out = []
    for part in re.split("(%[0-9A-Fa-f]{2})", literal):
        octet = part.startswith("%") and len(part) == 3
        plain = octet and re.fullmatch("[A-Za-z0-9._~-]", chr(int(part[1:], 16)))
        out.append(plain[0] if plain else part.upper() if octet else quote(part, safe=LITERAL))
    return "".join(out)


def has_dots(segment: str) -> bool:
    return any(one in (".", "..") for one in re.split(r"[/\\]", unquote(segment)))


# -- values that are known later (10.12, 10.13, 11.1) -----------------------------------------------


def without_state(request: dict) -> dict:
    """A request as the contract renders it, without the values of the state, the computed parts and the values of
    answers in the body. The path stays as it is.
    """
    places = [*request.get("pre", {}), *request.get("any", {}), *request.get("awaited", {})]
    bare = placed(request, {place: (None,) for place in places if place})
    if "" in request.get("any", {}):
        bare.pop("body", None)
    return bare


def with_state(request: dict, state: dict) -> dict:
    return placed(request, {place: at(state, pointer) for place, pointer in request.get("pre", {}).items()})


def placed(request: dict, values: dict) -> dict:
    """The request with these values in its body, each in a tuple, by JSON pointer."""
    bare = copy.deepcopy(request)
    for place, found in values.items():
        above, _, last = place.rpartition("/")
        (parent,) = at(bare.get("body"), above) or (None,)
        require(found is not None, f"there is no value for {place}")
        require(at(parent, f"/{last}") is not None, f"the body has no value at {place}")
        last = last.replace("~1", "/").replace("~0", "~")
        parent[int(last) if isinstance(parent, list) else last] = found[0]
    return bare


def is_of_rule(request: dict, rule: dict) -> bool:
    """Whether a request is of a rule, with any values in the places that the contract leaves open."""
    is_path = is_filled_as(rule["path"], request["path"]) if "{" in rule["path"] else request["path"] == rule["path"]
    return is_path and same(without_state(request) | {"path": rule["path"]}, rule)


def is_filled_as(path: str, sent: str) -> bool:
    """Whether a path is a rendered path with some value in place of each `{answer.NAME.MEMBER}` (10.13)."""
    literals = ANSWER.sub("\0", path).split("\0")
    dots = any(has_dots(one) for one in sent.partition("?")[0].split("/"))
    return not dots and re.fullmatch("[A-Za-z0-9._~%-]+".join(map(re.escape, literals)), sent) is not None
