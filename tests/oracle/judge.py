"""The table of outcomes (docs/formats.md, 9.14, 10.4, 10.5, 10.8 and 10.13 to 10.16).

CEL is not evaluated: the results of the conditions are those that the receipt or the reconciliation records.
"""

from dataclasses import dataclass, field

import rfc8785

from basics import require
from exchanges import Evidence, Exchange, Look
from templates import ANSWER, Contract
from values import at, child, comparable, covers, differences, fits, missing, same, text_of, tokens

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
BY_LOOK = ("idempotent", "observable")  # the effects with which an unchanged state after the last deadline suffices


@dataclass
class Judgement:
    """The outcomes that the table can give, and what goes with each of them."""

    outcomes: set[str]
    changes: list = field(default_factory=list)
    unexpected: list = field(default_factory=list)
    outputs: dict = field(default_factory=dict)
    compares: bool = False  # whether states were compared, so that there are conditions


@dataclass
class Seen:
    """What a judgement reads."""

    contract: Contract
    evidence: Evidence
    post: Look
    expect: dict
    checks: list

    @property
    def writes(self) -> list[Exchange]:
        return [one for one in self.evidence.sent() if one.writes]


def judge(seen: Seen) -> Judgement:
    sent = [one for one in seen.writes if one.may_have_written]
    if not sent:
        return Judgement({"failed"})
    if unusable(seen.contract, seen.post, lambda name: is_gone(seen, name)) or is_overlooked(seen):
        return Judgement({"indeterminate"})
    changes, unexpected = compare(seen.contract, seen.evidence.pre.state, seen.post.state)
    holds = all(one["holds"] for one in seen.checks)
    found = Judgement(set(), changes, unexpected, compares=True)
    if holds and not unexpected:
        if is_foreign(seen):
            found.outcomes = {"indeterminate" if any(one.is_open for one in seen.writes) else "mismatch"}
        else:
            found.outcomes, found.outputs = {"verified"}, outputs(seen.contract, seen.post.state)
        return found
    found.outcomes = {"mismatch"} if changes else {unchanged(seen, sent)}
    if not holds and not unexpected and "pending" in seen.contract.text.get("verify", {}):
        # Only CEL can tell whether `pending` is true (10.14).
        found.outcomes |= set() if all(one.meaning == "refused" for one in sent) else {"indeterminate"}
    return found


def unchanged(seen: Seen, sent: list[Exchange]) -> str:
    if all(one.meaning == "refused" for one in sent):
        return "failed"
    if any(one.meaning == "accepted" for one in sent):
        return "indeterminate"
    if any(one.meaning == "done" or any("file" in secret for secret in one.secrets) for one in sent):
        return "mismatch"
    settle = milliseconds(seen.contract.text["verify"].get("settle", "0s"))
    until = max((one.data["deadline_ms"] + settle for one in seen.writes if one.is_open), default=0)
    effect = seen.contract.text["action"]["effect"]
    return "failed" if effect in BY_LOOK and seen.post.began_ms >= until else "indeterminate"


def lost(exchanges: list[Exchange]) -> set[str]:
    """The names of secrets that the upstream created, or may have created, and that the host did not store (12)."""
    stored = {secret["name"] for one in exchanges for secret in one.secrets if "file" in secret}
    sent = [one for one in exchanges if one.may_have_written and not one.is_turned_away and one.meaning != "refused"]
    return {name for one in sent for name in one.request.get("secrets", {})} - stored


def milliseconds(text: str) -> int:
    digits = text.rstrip("hms")
    return int(digits) * UNITS[text.removeprefix(digits)]


# -- observations -----------------------------------------------------------------------------------


def unusable(contract: Contract, look: Look, is_gone: callable) -> bool:
    """Whether an observation is not usable (10.4)."""
    if look.problem is not None or any(one.redacted for one in look.exchanges):
        return True
    for name, shape in contract.states.items():
        if name not in look.state:
            return True
        if look.state[name] is None and may_be_absent(contract, shape):
            rule = contract.observe_rules[contract.sources(shape)[0]]
            if not ("control" in rule or awaits_answer(contract, shape) or is_gone(name)):
                return True
        elif missing(shape, look.state[name]):
            return True
    return False


def may_be_absent(contract: Contract, shape: dict) -> bool:
    rules = [contract.observe_rules[one] for one in contract.sources(shape)]
    return bool(rules) and ("only" in shape or "absent" in rules[0] or awaits_answer(contract, shape))


def awaits_answer(contract: Contract, shape: dict) -> list[str]:
    """The names of the writes whose answers the state's request contains."""
    places = contract.sources(shape)[:1]
    return [name for place in places for name, _ in ANSWER.findall(contract.observe[place]["path"])]


def compare(contract: Contract, pre: dict, post: dict) -> tuple[list, list]:
    """The changes outside of `volatile`, and those of them outside of `may_change`."""
    def named(state: dict) -> tuple[dict]:
        return ({name: comparable(contract.states.get(name, {}), value) for name, value in state.items()},)

    volatile = [f"/{name}{one}" for name, shape in contract.states.items() for one in shape.get("volatile", [])]
    may_change = [filled(contract, pointer) for pointer in contract.text["verify"].get("may_change", [])]
    changes = outside(differences(named(pre), named(post)), volatile)
    return changes, outside(changes, [pointer for pointer in may_change if pointer is not None])


def outside(changes: list, places: list[str]) -> list:
    return [one for one in changes if not any(covers(place, one["pointer"]) for place in places)]


def filled(contract: Contract, pointer: str) -> str | None:
    """A pointer of `may_change` with the texts of parameters in place of `{NAME}`; None if a parameter is absent."""
    if not contract.two:
        return pointer
    out = ""
    for written, token in zip(pointer.split("/")[1:], tokens(pointer), strict=True):
        name = token[1:-1] if token.startswith("{") and token.endswith("}") else None
        text = None if name is None else text_of(contract.params.get(name))
        if name is not None and text is None:
            return None
        out = f"{out}/{written}" if name is None else child(out, text)
    return out


# -- existence --------------------------------------------------------------------------------------


def is_gone(seen: Seen, name: str) -> bool:
    """Whether a state without `control` may be null: it was not, and a write to its upstream was carried out (10.4)."""
    was = seen.evidence.pre.state.get(name)
    return was is not None and any(one.is_done for one in of_upstream(seen, name))


def is_overlooked(seen: Seen) -> bool:
    """Whether a state was on a page, is on none now, and no write to its upstream was carried out (10.18)."""
    pre, post = seen.evidence.pre.state, seen.post.state
    paged = [name for name, shape in seen.contract.states.items() if len(seen.contract.sources(shape)) > 1]
    gone = [name for name in paged if pre.get(name) is not None and name in post and post[name] is None]
    return any(not is_gone(seen, name) for name in gone)


def of_upstream(seen: Seen, name: str) -> list[Exchange]:
    places = seen.contract.sources(seen.contract.states[name])
    upstream = seen.contract.observe_rules[places[0]]["upstream"] if places else None
    return [one for one in seen.writes if one.request["upstream"] == upstream]


def is_foreign(seen: Seen) -> bool:
    """Whether a state exists only after the action and nothing proves that the action created it (10.4)."""
    pre, post = seen.evidence.pre.state, seen.post.state
    appeared = [name for name in seen.contract.states if pre.get(name, 0) is None and post.get(name) is not None]
    return any(not is_ours(seen, name, post[name]) for name in appeared)


def is_ours(seen: Seen, name: str, value: object) -> bool:
    shape, action = seen.contract.states[name], seen.contract.action["id"]
    names = awaits_answer(seen.contract, shape)
    proofs = [one for one in of_upstream(seen, name) if not names or one.request.get("name") in names]
    rules = [seen.contract.observe_rules[place] for place in seen.contract.sources(shape)]
    selects = "only" in shape and "{action.id}" in rules[0].get("where", {}).values()
    return any(one.is_created for one in proofs) or contains(value, action) or selects


def contains(value: object, text: str) -> bool:
    if isinstance(value, (dict, list)):
        return any(contains(one, text) for one in (value.values() if isinstance(value, dict) else value))
    return value == text


# -- outputs and conditions -------------------------------------------------------------------------


def outputs(contract: Contract, state: dict) -> dict:
    """The values that the contract names, without those that are absent or null (10.15)."""
    places = {name: place(path) for name, path in contract.text.get("outputs", {}).items()}
    found = {name: at(state, pointer) for name, pointer in places.items()}
    return {name: value[0] for name, value in found.items() if value is not None and value[0] is not None}


def place(path: str) -> str:
    pointer = ""
    for token in path.removeprefix("post.").split("."):
        pointer = child(pointer, token)
    return pointer


def declared_outputs(contract: Contract, said: dict) -> None:
    """What needs no evidence: outputs only if verified, each in the contract and of its schema (10.15)."""
    require(said["outcome"] == "verified" or not said.get("outputs"), f"`{said['outcome']}` has outputs")
    for name, value in said.get("outputs", {}).items():
        path = contract.text.get("outputs", {}).get(name)
        require(path is not None, f"the output `{name}` is not in the contract")
        first, *rest = tokens(place(path))
        schema = contract.states[first]
        for token in rest:
            schema = schema["properties"][token]
        require(value is not None and fits(schema, value), f"the output `{name}` does not satisfy its schema")


def conditions(seen: Seen) -> None:
    """The recorded conditions are those of `after`, then those of `expect`, which need no CEL (5.3)."""
    after = seen.contract.text["verify"].get("after", [])
    own = [f"{pointer} == {rfc8785.dumps(value).decode()}" for pointer, value in sorted(seen.expect.items())]
    require([one["expression"] for one in seen.checks] == [*after, *own], "other conditions than in the contract")
    for one, (pointer, value) in zip(seen.checks[len(after) :], sorted(seen.expect.items()), strict=True):
        found = at(seen.post.state, pointer)
        holds = found is not None and same(found[0], value)
        require(one["holds"] is holds, f"`{one['expression']}` is not {one['holds']}")
