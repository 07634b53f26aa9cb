"""Plans of open contracts, and what the attempts sent of them (docs/formats.md, section 11)."""

import json
from urllib.parse import quote

import rfc8785

from basics import Failed, require
from container import Bundle, named, payload
from exchanges import Evidence, Exchange
from states import Unknown, answers
from templates import (
    ANSWER,
    Contract,
    has_dots,
    is_of_rule,
    part_schema,
    placed,
    template_of,
    with_state,
    without_state,
)
from values import at, digest, same, satisfies, text_of

WRITES_MAX, PLAN_MAX = 256, 4 << 20


# -- what the contract leaves open ------------------------------------------------------------------


def is_open(perform: list) -> bool:
    """Whether an action with these requests of `perform` is rehearsed (11.1)."""
    return any(
        rule.get("optional") or rule.get("any") or rule.get("awaited") or rule["writes"] and "{" in rule["path"]
        for rule in perform
    )


def has_open_body(rule: dict) -> bool:
    return bool({"pre", "any", "awaited"} & set(rule))


def needs(rule: dict) -> list[str]:
    """The values of answers in the path and the body, as `NAME.MEMBER`."""
    return [".".join(one) for one in ANSWER.findall(rule["path"])] + list(rule.get("awaited", {}).values())


def rehearsed(perform: list) -> list:
    """The reads that a rehearsal sends."""
    return [rule for rule in perform if not rule["writes"] and not needs(rule)]


def attempted(perform: list) -> list:
    """The requests that an attempt sends."""
    return [rule for rule in perform if rule["writes"] or needs(rule)] if is_open(perform) else perform


def named_by(opened: Bundle, attempt: dict) -> str | None:
    """The digest of the plan in the decision about an attempt."""
    line = next(line for line in opened.chain if named(line) == attempt["decision_sha256"])
    return json.loads(payload(line))["predicate"].get("plan")


def digest_of(receipt: dict) -> str | None:
    return (receipt.get("rehearsal") or {}).get("plan_sha256")


# -- without the evidence ---------------------------------------------------------------------------


def told(contract: Contract, receipt: dict, decided: list[str | None], is_given_up: bool) -> None:
    """What the receipt and the decisions say of a plan fits the contract (11.6)."""
    rehearsal, unsent = receipt.get("rehearsal"), receipt.get("unsent", [])
    if not is_open(contract.perform):
        bare = rehearsal is None and not unsent and not any(decided)
        require(bare, "the contract is closed, but there is a rehearsal or a plan")
        return
    require(all(decided), "the contract is open, but a decision has no plan")
    if rehearsal is not None:
        require(("plan_sha256" in rehearsal) != ("problem" in rehearsal), "a rehearsal needs a plan or a problem")
    require(receipt["outcome"] != "rehearsed" or digest_of(receipt), "a dry run of an open contract has no plan")
    if rehearsal is not None and decided and not is_given_up:
        times = [receipt["pre"]["at_ms"], rehearsal["started_ms"], rehearsal["ended_ms"]]
        times.append(receipt["attempts"][-1]["started_ms"])
        require(times == sorted(times), "the rehearsal was made at another time")
    require(decided or not unsent, "there are unsent writes, but nothing was attempted")
    places = [one["write"] for one in unsent]
    require(places == sorted(set(places)) and all(place > 0 for place in places), "the unsent writes are not in order")
    known = [(rule["method"], rule["path"], rule.get("optional", False)) for rule in contract.perform if rule["writes"]]
    for one in unsent:
        require((one["method"], one["path"], one["optional"]) in known, "an unsent write is not of the contract")
        require(one["optional"] or receipt["outcome"] != "verified", "it is verified, but a write was not sent")


# -- with the evidence ------------------------------------------------------------------------------


def check(contract: Contract, receipt: dict, evidence: Evidence, decided: list[str | None]) -> None:
    if not is_open(contract.perform):
        return
    if evidence.rehearsal is not None:
        reads(contract.perform, evidence.rehearsal.exchanges)
    if evidence.plan is not None:
        legal(contract, evidence.plan, evidence.pre.state if evidence.pre else {})
    plan = digest_of(receipt)
    follow(contract, evidence, [plan is not None and one == plan for one in decided])


def reads(perform: list, exchanges: list[Exchange]) -> None:
    rules = rehearsed(perform)
    for one in exchanges:
        known = "carried_from" not in one.data and any(same(one.request, rule) for rule in rules)
        require(known, f"`{one.name()}` is not a read that a rehearsal may send")
    for rule in rules:
        count = sum(same(one.request, rule) for one in exchanges)
        require(count <= rule["calls"], f"the rehearsal sent `{rule['path']}` too often")


def legal(contract: Contract, plan: dict, state: dict) -> None:
    """The plan is one that the contract allows in this state (11.4)."""
    require(set(plan) == {"writes"}, "a plan has other members")
    writes, perform = plan["writes"], contract.perform
    size = sum(len(rfc8785.dumps(write)) for write in writes)
    require(len(writes) <= WRITES_MAX and size <= PLAN_MAX, "the plan is too large")
    hidden = [one for one in contract.params.values() if isinstance(one, str) and one.startswith("private:")]
    counts = [0] * len(perform)
    for n, write in enumerate(writes, 1):
        require(set(write) == {"rule", "request"}, f"write {n} has other members")
        place, request = write["rule"], write["request"]
        known = 0 <= place < len(perform) and perform[place]["writes"]
        require(known and same(without_state(request), perform[place]), f"write {n} is not a request of its rule")
        require(same(with_state(request, state), request), f"write {n} has other values of the state")
        empty = all(at(request.get("body"), one) == (None,) for one in request.get("awaited", {}))
        require(empty, f"write {n} has a value of an answer")
        for pointer, name in request.get("any", {}).items():
            part(contract, place, request, (pointer, name), hidden)
        counts[place] += 1
        for name in {one.partition(".")[0] for one in needs(request)}:
            own = [k for k, rule in enumerate(perform) if rule.get("name") == name]
            given = any(counts[k] and perform[k]["writes"] for k in own)
            require(given, f"write {n} needs an answer that no earlier write gives")
    for rule, count in zip(perform, counts, strict=True):
        require(count <= rule["calls"], f"the plan has `{rule['path']}` too often")
        enough = count or rule.get("optional") or not rule["writes"]
        require(enough, f"the plan lacks `{rule['method']} {rule['path']}`")


def part(contract: Contract, place: int, request: dict, named_at: tuple[str, str], hidden: list[str]) -> None:
    pointer, name = named_at
    found = at(request["body"], pointer) if "body" in request else None
    require(found is not None and found[0] is not None, f"the part `{name}` has no value")
    schema = part_schema(template_of(contract.perform_rules[place]), name)
    require(schema is not None and satisfies(schema, found[0]), f"the part `{name}` does not satisfy its schema")
    text = json.dumps(found[0], ensure_ascii=False)
    require(not any(one in text for one in hidden), f"the part `{name}` has a private value")


def filled(step: dict, known: dict) -> dict | None:
    """A request with the values of answers; None if one of them is not known."""
    values = {}
    for one in needs(step):
        name, _, member = one.partition(".")
        said = known.get(name)
        found = None if said is None or isinstance(said, Unknown) else at(said, "/" + member.replace(".", "/"))
        text = None if found is None else text_of(found[0])
        if text is None:
            return None
        values[one] = (found[0], text)
    path = ANSWER.sub(lambda one: quote(values[".".join(one.groups())][1], safe="-._~"), step["path"])
    if path != step["path"] and any(map(has_dots, path.partition("?")[0].split("/"))):
        return None
    is_form = step.get("codec", {}).get("request") == "form"
    awaited = {place: (values[one][1 if is_form else 0],) for place, one in step.get("awaited", {}).items()}
    return placed(step, awaited) | {"path": path}


def follow(contract: Contract, evidence: Evidence, follows: list[bool]) -> None:
    """The attempts sent the writes of the plan in order, and no other (11.5)."""
    writes = [] if evidence.plan is None else [one["request"] for one in evidence.plan["writes"]]
    rules = [rule for rule in contract.perform if not rule["writes"] and needs(rule)]
    sent: list[Exchange] = []
    for n, (run, is_own) in enumerate(zip(evidence.attempts, follows, strict=True), 1):
        if not is_own:
            idle(contract, run, n)
            sent += run
            continue
        known, at_write, counts = answers(contract, sent), 0, [0] * len(rules)
        for one in run:
            if one.writes:
                at_write = after(writes, at_write, one, known) + 1
            else:
                own = [k for k, rule in enumerate(rules) if same(filled(rule, known), one.request)]
                require(own, f"attempt {n} sent the read `{one.name()}`")
                counts[own[0]] += 1
            sent.append(one)
            if one.writes and "name" in one.request:
                known = answers(contract, sent)
        often = any(count > rule["calls"] for count, rule in zip(counts, rules, strict=True))
        require(not often, f"attempt {n} sent a read too often")


def after(writes: list, start: int, one: Exchange, known: dict) -> int:
    """The position of this write in the plan. Only optional writes may be left out before it."""
    for place in range(start, len(writes)):
        if same(filled(writes[place], known), one.request):
            return place
        if not writes[place].get("optional"):
            break
    raise Failed(f"`{one.name()}` is not the next write of the plan")


def idle(contract: Contract, run: list[Exchange], n: int) -> None:
    """An attempt under a plan that is not in the evidence had no effect."""
    rules = attempted(contract.perform)
    for one in run:
        require(any(is_of_rule(one.request, rule) for rule in rules), f"`{one.name()}` is not in the contract")
        require(not one.may_have_written or one.is_turned_away, f"attempt {n} wrote under another plan")


def unsent(contract: Contract, evidence: Evidence) -> list[dict]:
    """The writes of the plan that no attempt sent, or that their guards rejected (11.7)."""
    if evidence.plan is None:
        return []
    writes = [one["request"] for one in evidence.plan["writes"]]
    places = sent_places(contract, evidence, writes)
    return [
        {"write": n, "method": one["method"], "path": one["path"], "optional": one.get("optional", False)}
        for n, one in enumerate(writes, 1)
        if n - 1 not in places
    ]


def sent_places(contract: Contract, evidence: Evidence, writes: list) -> set[int]:
    """The positions of the writes that an attempt sent. An attempt under another plan sent none of them."""
    found, sent = set(), []
    for run in evidence.attempts:
        known, place = answers(contract, sent), 0
        for one in run:
            if one.writes:
                later = range(place, len(writes))
                own = next((n for n in later if same(filled(writes[n], known), one.request)), None)
                if own is not None:
                    place = own + 1
                    is_sent = one.may_have_written and not one.is_turned_away and "carried_from" not in one.data
                    found |= {own} if is_sent else set()
            sent.append(one)
            known = answers(contract, sent) if one.writes and "name" in one.request else known
    return found


def asked(context: dict, receipt: dict) -> None:
    """Policy was asked about the state and the plan of a dry run (11.10). The values are not compared."""
    require("pre" in context, "policy was not asked about the state of the dry run")
    plan = context.get("plan", {})
    require(plan.get("sha256") == digest_of(receipt), "policy was not asked about the plan of the dry run")


def is_fruitless(evidence: Evidence) -> bool:
    """Whether the plan has no write, or there is none and a read failed for a temporary reason (11.10)."""
    if evidence.rehearsal is None or evidence.plan is not None:
        return evidence.plan is not None and not evidence.plan["writes"]
    done = evidence.rehearsal.exchanges
    failed = [one for one in done if one.is_hindered]
    stays = [one for one in failed if not any(same(one.request, by.request) and by.is_success for by in done)]
    return bool(stays) and not evidence.rehearsal.data.get("refused")
