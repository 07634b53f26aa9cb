"""The states that the exchanges of an observation show (docs/formats.md, 10.3, 10.7, 10.13 and 10.16 to 10.18)."""

import re
from urllib.parse import quote, unquote

import rfc8785

from basics import Failed
from exchanges import Evidence, Exchange, Look
from templates import ANSWER, MAX_PATH, Contract, has_dots, is_of_rule, whole_placeholder
from values import Misfit, at, child, covers, keeps, missing, project, same, text_of, tokens

STATES_MAX = 2 << 20  # bytes of all states of an observation
REDACTED_MAX = 64  # redacted places of one list
VALUE_MAX = 1024  # bytes of a value of an answer


class Unknown(Exception):
    """A state, or a value of an answer, does not follow from the exchanges."""


class NeedsCel(Exception):
    """Only CEL can tell whether an answer counts as 2xx (10.17)."""


# -- values of answers (10.13) ----------------------------------------------------------------------


class Asked:
    """What the rules of `observe` send after some attempts: a request each, None for no request, or why not known."""

    def __init__(self, contract: Contract, sent: list[Exchange]) -> None:
        self.answers = answers(contract, sent)
        self.rules = [self.filled(request) for request in contract.observe]

    def filled(self, request: dict) -> dict | Unknown | None:
        path = request["path"]
        for name, member in ANSWER.findall(path):
            found = self.answers.get(name)
            if found is None or isinstance(found, Unknown):
                return found
            value = at(found, "/" + member.replace(".", "/"))
            text = None if value is None else text_of(value[0])
            if not text:
                return Unknown(f"{name}.{member} is not a text")
            path = path.replace(f"{{answer.{name}.{member}}}", quote(text, safe="-._~"))
        segments = path.partition("?")[0].split("/")
        if path != request["path"] and (any(map(has_dots, segments)) or len(path) > MAX_PATH):
            return Unknown(f"{path} has a dot segment or is too long")
        return request | {"path": path}


def answers(contract: Contract, sent: list[Exchange]) -> dict:
    """What the answers to each named write of `perform` say."""
    rules = zip(contract.perform_rules, contract.perform, strict=True)
    named = [(rule, request) for rule, request in rules if "name" in rule and request["writes"]]
    return {rule["name"]: answer(rule, request, sent) for rule, request in named}


def answer(rule: dict, request: dict, sent: list[Exchange]) -> dict | Unknown | None:
    """The declared members of the answers to a named write; None if it was not sent or was refused."""
    own = [one for one in sent if is_of_rule(one.request, request)]
    done = [one for one in own if one.is_done]
    try:
        found = [members(rule, one) for one in done]
    except (Unknown, Misfit) as why:
        return Unknown(str(why))
    if found:
        return found[0] if all(same(found[0], one) for one in found) else Unknown("two answers differ")
    is_open = any(one.may_have_written and not one.is_turned_away and one.meaning != "refused" for one in own)
    return Unknown(f"there is no definite answer to {rule['request']}") if is_open else None


def members(rule: dict, done: Exchange) -> dict:
    if "problem" in done.data:
        raise Unknown(f"the answer to {rule['request']} has a problem")
    found, parts = {}, {}
    if "location" in rule:
        parts = location(rule["location"], done.data.get("headers", {}).get("location"))
    for name, schema in rule.get("answer", {}).items():
        place = child("", name)
        if name in parts:
            is_number = schema.get("type") == "integer" and re.fullmatch("0|-?[1-9][0-9]{0,17}", parts[name])
            value = (int(parts[name]) if is_number else parts[name],)
        elif any(one == "" or covers(place, one) for one in done.redacted):
            raise Unknown(f"{name} was redacted")
        else:
            value = at(done.data.get("response"), place)
        if value is None:
            raise Unknown(f"the answer has no {name}")
        kept = project(schema, value[0])
        if missing(schema, kept) or len(rfc8785.dumps(kept)) > VALUE_MAX:
            raise Unknown(f"{name} lacks a member or is too long")
        found[name] = kept
    return found


def location(form: str, path: str | None) -> dict[str, str]:
    """The decoded parts of a path, by the placeholders of a form such as `/jobs/{job}`."""
    wanted, segments = form.split("/"), (path or "").split("/")
    if len(wanted) != len(segments):
        raise Unknown("`location` is absent or has another form")
    try:
        decoded = [unquote(one, errors="strict") for one in segments]
    except UnicodeDecodeError as why:
        raise Unknown("`location` is not UTF-8") from why
    pairs = [(whole_placeholder(one), one, part) for one, part in zip(wanted, decoded, strict=True)]
    if any(name is None and one != part for name, one, part in pairs):
        raise Unknown("`location` has another form")
    return {name: part for name, _, part in pairs if name is not None}


# -- states -----------------------------------------------------------------------------------------


def states(contract: Contract, asked: Asked, look: Look) -> tuple[dict, list[str], list[str]]:
    """The states that the exchanges show, why others are not shown, and the states for which CEL is needed.

    If CEL is needed and the state is recorded, then it must follow if the answers count. This is not compared if a
    request was sent more than once, because an earlier answer may not count.
    """
    found, problems, skipped, size = {}, [], [], 0
    is_plain = len({rfc8785.dumps(one.request) for one in look.exchanges}) == len(look.exchanges)
    for name in sorted(name for name, shape in contract.states.items() if "from" in shape):
        try:
            value = state(contract, name, asked, look.exchanges)
        except (Unknown, Misfit) as why:
            problems.append(f"state `{name}`: {why}")
            continue
        except NeedsCel:
            skipped.append(name)
            if not is_plain or name not in look.state:
                continue
            try:
                value = state(contract, name, asked, look.exchanges, True)
            except (Unknown, Misfit) as why:
                raise Failed(f"the state `{name}` is recorded, but {why}") from why
        size += len(rfc8785.dumps(value))
        if size > STATES_MAX:
            problems.append("the states are larger than 2 MiB")
        else:
            found[name] = value
    return found, problems, skipped


def state(
    contract: Contract, name: str, asked: Asked, exchanges: list[Exchange], assumed: bool | None = None
) -> object:
    """One state. `assumed` says whether answers count for which CEL is needed."""
    shape, found = contract.states[name], []
    places = contract.sources(shape)
    for place in places:
        rule = asked.rules[place]
        if rule is None:
            return None
        if isinstance(rule, Unknown):
            raise rule
        found += page(shape, rule, exchanges, assumed)
    if len(found) > 1:
        raise Unknown("several elements count")
    if found:
        return found[0]
    confirm(contract, contract.observe_rules[places[0]], asked, exchanges, assumed)
    return None


def counts(exchange: Exchange, assumed: bool | None) -> bool:
    """Whether the answer counts as 2xx."""
    if exchange.is_success is None and assumed is None:
        raise NeedsCel
    return assumed if exchange.is_success is None else exchange.is_success


def page(shape: dict, rule: dict, exchanges: list[Exchange], assumed: bool | None) -> list:
    """The state in the first answer that counts, as a list of at most one value."""
    own = [one for one in exchanges if same(one.request, rule)]
    for one in own:
        if one.says_absent:
            return []
        if counts(one, assumed):
            return present(shape, one)
    raise Unknown(f"no answer to {rule['method']} {rule['path']} counts")


def confirm(
    contract: Contract, rule: dict, asked: Asked, exchanges: list[Exchange], assumed: bool | None
) -> None:
    """An absence requires a 2xx of the control rule in the same observation."""
    if "control" not in rule:
        return
    of_control = [
        request for other, request in zip(contract.observe_rules, asked.rules, strict=True)
        if (other["request"], other["upstream"]) == (rule["control"], rule["upstream"])
    ]
    control = of_control[0] if of_control else None
    own = [one for one in exchanges if isinstance(control, dict) and same(one.request, control)]
    if not any(one.is_success for one in own) and not any(counts(one, assumed) for one in own):
        raise Unknown(f"nothing confirms the absence: {rule['control']}")


def present(shape: dict, exchange: Exchange) -> list:
    if "response" not in exchange.data:
        raise Unknown("the answer has no body")
    body = exchange.data["response"]
    place = shape.get("at", "")
    if "only" in shape:
        places = elements(shape["only"], body, exchange)
        if not places:
            return []
        if len(places) > 1:
            raise Unknown("several elements of a list count")
        place = places[0]
    found = at(body, place)
    if found is None:
        raise Unknown(f"the answer has nothing at `{place}`")
    schema = {"type": "object", "properties": shape["properties"]}
    kept = project(schema, found[0])
    for one in exchange.redacted:
        inside = covers(place, one) and keeps(schema, tokens(one)[len(tokens(place)) :])
        if covers(one, place) or inside:
            raise Unknown(f"`{one}` was redacted")
    return [kept]


def elements(pointer: str, body: object, exchange: Exchange) -> list[str]:
    """The places of the elements that have the values of `where` (10.16)."""
    found = at(body, pointer)
    if found is None or not isinstance(found[0], list):
        raise Unknown(f"the answer has no list at `{pointer}`")
    where, counted = exchange.request.get("where", {}), []
    near = [one for one in exchange.redacted if covers(one, pointer) or covers(pointer, one)]
    if len(near) > REDACTED_MAX:
        raise Unknown("too much of a list was redacted")
    for n, item in enumerate(found[0]):
        place, values = f"{pointer}/{n}", {one: at(item, one) for one in where}
        inner = [place + one for one in where]
        if any(covers(one, other) or covers(other, one) for one in near for other in inner):
            raise Unknown(f"a value of `where` was redacted in `{place}`")
        for one, value in values.items():
            if value is not None and value[0] is not None and type(value[0]) is not type(where[one]):
                raise Unknown(f"`{place}{one}` has another type than in `where`")
        if all(value is not None and same(value[0], where[one]) for one, value in values.items()):
            counted.append(place)
    return counted


# -- observations -----------------------------------------------------------------------------------


def observed(contract: Contract, asked: Asked, look: Look, name: str) -> list[str]:
    """Fails unless an observation has exactly the requests and states that follow; returns the skipped states."""
    wanted = [rule for rule in asked.rules if isinstance(rule, dict)]
    sent = [0] * len(wanted)
    for one in look.exchanges:
        own = [n for n, rule in enumerate(wanted) if same(rule, one.request)]
        if not own:
            raise Failed(f"{name}: `{one.name()}` is not a request of the contract")
        sent[own[0]] += 1
    for count, rule in zip(sent, wanted, strict=True):
        if count > rule["calls"]:
            raise Failed(f"{name}: `{rule['method']} {rule['path']}` was sent too often")
    found, problems, skipped = states(contract, asked, look)
    of_host = {one for one, shape in contract.states.items() if "from" in shape} - (set(skipped) - set(found))
    recorded = {one: value for one, value in look.state.items() if one in of_host}
    if not same(recorded, found):
        raise Failed(f"{name}: a state is not that of the answer")
    if problems and look.problem is None:
        raise Failed(f"{name} has no `problem`, but {problems[0]}")
    for one in skipped:
        if one not in look.state and look.problem is None:
            raise Failed(f"{name} has no `problem`, but lacks the state `{one}`")
    normal_forms(contract, look, name)
    return [f"{name} {one}" for one in skipped]


def normal_forms(contract: Contract, look: Look, name: str) -> None:
    """Every recorded state, also one that the adapter reads, has declared members only, in normal form (10.7)."""
    for one, value in look.state.items():
        shape = contract.states.get(one)
        if shape is None:
            raise Failed(f"{name}: the state `{one}` is not declared")
        optional = {"type": "object", "properties": shape["properties"]}
        if value is None and "from" in shape:
            continue
        try:
            kept = project(optional, value)
        except Misfit as why:
            raise Failed(f"{name}: the state `{one}` does not fit its shape: {why}") from why
        if not same(kept, value):
            raise Failed(f"{name}: the state `{one}` is not in normal form")


def after(contract: Contract, evidence: Evidence, is_open: bool) -> list[str]:
    """Checks the observation after the attempts. If the outcome is open, it may precede the last attempts (10.13)."""
    count = len(evidence.attempts)
    first = min(count, 1) if is_open else count
    for n in range(count, first - 1, -1):
        try:
            return observed(contract, Asked(contract, evidence.sent(n)), evidence.post, "evidence/post.json")
        except Failed:
            if n == first:
                raise
    return []
