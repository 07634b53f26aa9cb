"""The checks of the content, as far as they need neither Cedar nor CEL (docs/formats.md, 9.10 to 9.14, 10 and 11)."""

import json

import plans
from basics import Failed, require, strict
from container import Bundle, named, payload
from envelopes import given_up, idle
from exchanges import Evidence, Exchange, Look
from judge import Seen, conditions, declared_outputs, judge, lost, unusable
from obligations import of_policies
from secrets_of import bound, check_secrets
from repetition import repetitions
from states import Asked, after, observed
from templates import Contract, is_filled_as, with_state, without_state
from values import at, digest, same

NO_EVIDENCE = "this copy has no evidence"
VERDICTS = {"applied": "mismatch", "not_applied": "failed", "retry": "failed"}


def content(opened: Bundle, receipt: dict, settled: dict | None, word: dict | None) -> list[tuple[str, str, str]]:
    """Makes the checks in their order. Returns for each `pass` or `skip`, its name and what was found."""
    def read(name: str) -> object:
        return strict(opened.part(name))

    contract = checked("requests", lambda: Contract(read("contract.json"), read("action.json")))
    decided = [plans.named_by(opened, attempt) for attempt in receipt["attempts"]]
    has_evidence = "evidence/exchanges.json" in opened.parts
    evidence = checked("summary", lambda: Evidence(read, receipt, settled)) if has_evidence else None
    summed = ("pass", "summary", "the receipt sums up the evidence")
    lines = [summed if evidence else ("skip", "summary", NO_EVIDENCE)]
    checks = {
        "requests": lambda: requests(contract, receipt, settled, evidence, decided),
        "decision": lambda: decision(opened, receipt),
        "gate": lambda: gate(opened, contract, receipt, evidence),
        "outcome": lambda: outcome(contract, receipt, evidence),
        "settled": lambda: settlement(contract, receipt, settled, word, evidence),
    }
    for name, check in checks.items():
        said, skipped = checked(name, check)
        lines += [("pass", name, said)] if said else []
        lines += [("skip", name, why) for why in skipped]
    return lines


def checked(name: str, check: callable) -> object:
    """Runs a check, whose failures get its name, as in `deed verify`."""
    try:
        return check()
    except Exception as fault:  # any error caused by a hostile bundle is a failure
        kind = "" if isinstance(fault, Failed) else f"{type(fault).__name__}: "
        raise Failed(f"{name}: {kind}{fault}") from fault


# -- requests ---------------------------------------------------------------------------------------


def requests(
    contract: Contract, receipt: dict, settled: dict | None, evidence: Evidence | None, decided: list[str | None]
) -> tuple:
    action, head = contract.action, contract.text["action"]
    wanted = {"digest": action["contract"]["digest"], "name": head["name"], "version": head["version"]}
    require(action["contract"] == wanted, "the action names another contract")
    require(action["v"] == contract.text["format"], "the action has another version than the format of its contract")
    require(contract.resource() == action["resource"], "the contract renders another resource")
    guards = [rule.get("guard", "unguarded") for rule in contract.perform if rule["writes"]] or ["unguarded"]
    guard = guards[0] if len(set(guards)) == 1 else "unguarded"
    require(receipt["guard"] == guard, "the guard in the receipt is not that of the contract")
    for name, binding in ((receipt.get("grant") or {}).get("upstreams", {})).items():
        own = [rule for rule in contract.observe + contract.perform if rule["upstream"] == name]
        require(same(own, binding["rules"]), f"the rules of `{name}` are not what the contract renders")
        bound(contract, name, binding)
    early = [rule for rule in contract.observe if "{" not in rule["path"]]
    looks = [(receipt.get("pre"), early), (receipt.get("post"), contract.observe)]
    looks.append(((settled or {}).get("look"), contract.observe))
    runs = [(look["exchanges"], rules) for look, rules in looks if look is not None]
    runs += [(attempt["exchanges"], plans.attempted(contract.perform)) for attempt in receipt["attempts"]]
    if "rehearsal" in receipt:
        runs.append((receipt["rehearsal"]["exchanges"], plans.rehearsed(contract.perform)))
    for run, rules in runs:
        summed_up(run, rules)
    plans.told(contract, receipt, decided, given_up(receipt))
    said = "the contract renders the resource, the bindings and all requests"
    if evidence is None:
        return said, [NO_EVIDENCE]
    skipped = full(contract, receipt, evidence)
    plans.check(contract, receipt, evidence, decided)
    return f"{said}; states are those of the answers", skipped


def summed_up(run: list, rules: list) -> None:
    """What a reader without evidence can compare: the summaries of one run with the rendered requests."""
    of_rules = [[n for n, rule in enumerate(rules) if is_of(one, rule)] for one in run]
    for one, own in zip(run, of_rules, strict=True):
        require(own, f"`{one['method']} {one['path']}` is not a request of the contract")
    for own in of_rules:
        together = [one for one in of_rules if set(one) & set(own)]
        rules_of = {n for one in together for n in one}
        calls = sum(rules[n]["calls"] for n in rules_of)
        require(len(together) <= calls, f"`{rules[own[0]]['path']}` was sent too often")


def is_of(summary: dict, rule: dict) -> bool:
    same_path = is_filled_as if "{" in rule["path"] else str.__eq__
    members = all(summary.get(name) == rule.get(name) for name in ("upstream", "method", "writes", "guard"))
    body = digest(rule["body"]) if "body" in rule else None
    is_body = plans.has_open_body(rule) or summary.get("request_sha256") == body
    return members and is_body and same_path(rule["path"], summary["path"])


def full(contract: Contract, receipt: dict, evidence: Evidence) -> list[str]:
    """Every request of the evidence in all members, and every state. Returns what needs CEL."""
    skipped = []
    if evidence.pre is not None:
        skipped += observed(contract, Asked(contract, []), evidence.pre, "evidence/pre.json")
    if evidence.post is not None:
        skipped += after(contract, evidence, receipt["outcome"] == "indeterminate")
    if evidence.later is not None:
        skipped += observed(contract, Asked(contract, evidence.sent()), evidence.later, "evidence/later.json")
    looks = [look for look in (evidence.pre, evidence.post, evidence.later) if look is not None]
    rehearsal = [] if evidence.rehearsal is None else evidence.rehearsal.exchanges
    reads = rehearsal + [one for look in looks for one in look.exchanges]
    every = evidence.sent() + reads
    check_secrets(contract, receipt, evidence.sent(), reads)
    for one in every:
        codec, response = one.request.get("codec", {}).get("response"), one.data.get("response", "")
        fits = "response" not in one.data if codec == "none" else codec != "text" or isinstance(response, str)
        require(fits, f"`{one.name()}` has a response that its codec does not give")
    for attempt in [] if plans.is_open(contract.perform) else evidence.attempts:
        bare = [without_state(one.request) for one in attempt]
        for one in bare:
            known = any(same(one, rule) for rule in contract.perform)
            require(known, f"`{one['path']}` is not a request of the contract")
        for rule in contract.perform:
            require(sum(same(one, rule) for one in bare) <= rule["calls"], f"`{rule['path']}` was sent too often")
    for one in evidence.sent():
        if one.may_have_written and not one.is_turned_away and "pre" in one.request:
            own = same(with_state(one.request, evidence.pre.state), one.request)
            require(own, f"`{one.name()}` did not send the values of the state before the action")
    return [f"{one}: whether `refused_when` is false of the answer" for one in skipped]


# -- decision ---------------------------------------------------------------------------------------


def decision(opened: Bundle, receipt: dict) -> tuple:
    """What needs no Cedar: the obligations of the decision are those of the policies that it names."""
    if "decision" not in receipt:
        return None, []
    of_policies(receipt["decision"], opened.part("policy/policies.cedar").decode())
    return f"{len(receipt['decision']['obligations'])} obligation(s), as in policies.cedar", []


# -- gate -------------------------------------------------------------------------------------------


def gate(opened: Bundle, contract: Contract, receipt: dict, evidence: Evidence | None) -> tuple:
    is_read, outcome = contract.text["action"]["verb"] == "read", receipt["outcome"]
    decided, attempts = receipt.get("decision"), receipt["attempts"]
    is_dry = contract.action.get("dry_run", False)
    require(is_dry or outcome != "rehearsed", "the outcome is `rehearsed`, but this is no dry run")
    if is_dry:
        require(not (attempts or receipt["approvals"] or "grant" in receipt), "a dry run has an attempt or an approval")
        require(outcome not in ("verified", "mismatch", "indeterminate"), f"a dry run ended as `{outcome}`")
    if outcome == "rehearsed":
        allowed = decided is not None and decided["verdict"] != "deny"
        require(allowed, "policy did not allow the dry run")
        if evidence is not None:
            plans.asked(strict(opened.part("policy/request.json"))["context"], receipt)
        return "a dry run; nothing ran", []
    if not attempts and not (is_read and outcome == "verified"):
        require(outcome in ("denied", "failed", "expired", "cancelled"), f"`{outcome}` requires an attempt")
        return "nothing ran", []
    sent = [one for attempt in attempts for one in attempt["exchanges"]]
    if attempts and given_up(receipt):
        require(all(map(idle, sent)), f"the outcome is `{outcome}`, but the action ran")
        return "the upstream turned the writes away", []
    require(not (attempts and is_read), "a read has attempts")
    require(decided is not None and decided["verdict"] == "allow", "the action was not allowed")
    require(not attempts or "grant" in receipt, "the action ran without a grant")
    if attempts:
        repetitions(contract, receipt)
    ran_ms = max((one["started_ms"] for one in attempts), default=receipt["pre"]["at_ms"])
    counted = {one["payload_sha256"] for one in receipt["approvals"] if one["counted"]}
    terms = [json.loads(payload(line))["predicate"] for line in opened.chain if named(line) in counted]
    state = pre_state(contract, evidence.pre) if evidence and evidence.pre else None
    for one in terms:
        require(one["decision"] == "approve", f"a denial by {one['person']} counts")
        require(one["pre_state"] == (state or terms[0]["pre_state"]), f"{one['person']} approved another state")
        require(one.get("plan") == plans.digest_of(receipt), f"{one['person']} approved another plan")
        require(one["policy_set"] == decided["policy_set"], f"{one['person']} approved another policy set")
        request = [(by["nonce"], by["expires_ms"]) for by in (one, terms[0])]
        require(request[0] == request[1], f"{one['person']} answered another approval request")
        require(one["expires_ms"] >= ran_ms, f"the approval by {one['person']} had expired")
    if "policy/request.json" in opened.parts:
        asked_with_counts(strict(opened.part("policy/request.json"))["context"], terms)
    which = "this state" if state or not terms else "one state"
    skipped = [] if state or not terms else [f"whether the approvals are for the state: {NO_EVIDENCE}"]
    return f"{len(terms)} approval(s) of one request, for {which} and policy set, in time", skipped


def asked_with_counts(context: dict, terms: list[dict]) -> None:
    """Policy was asked with the number of persons who approved in each role, and who confirmed (9.12, 15.3)."""
    roles: dict[str, str] = {}
    for one in terms:
        roles.setdefault(one["person"], one["role"])
    counts = {role: list(roles.values()).count(role) for role in roles.values()}
    said = {role: count for role, count in context["approvals"].items() if count != 0}
    require(said == counts, "policy was asked with approvals or confirmations that were not given")


def pre_state(contract: Contract, pre: Look) -> str:
    """The digest of the state to which an approval is bound (5.1, 10.19)."""
    state = pre.state
    if "approval" in contract.text:
        named_values = {one: at(state, one) for one in contract.text["approval"]["depends_on"]}
        values = {one: value[0] for one, value in named_values.items() if value is not None}
        return digest({"exists": {name: value is not None for name, value in state.items()}, "values": values})
    bare = json.loads(json.dumps(state))
    for name, shape in contract.states.items():
        for pointer in shape.get("volatile", []):
            above, _, last = f"/{name}{pointer}".rpartition("/")
            (parent,) = at(bare, above) or (None,)
            if isinstance(parent, dict):
                parent.pop(last.replace("~1", "/").replace("~0", "~"), None)
    return digest(bare)


# -- outcome ----------------------------------------------------------------------------------------


def outcome(contract: Contract, receipt: dict, evidence: Evidence | None) -> tuple:
    result, attempts = receipt["outcome"], receipt["attempts"]
    told = receipt["changes"] or receipt["unexpected"] or receipt.get("outputs")
    compared = attempts and receipt.get("post") is not None
    require(compared or not told, "there are changes or outputs, but no later observation")
    declared_outputs(contract, receipt)
    if evidence is None:
        return None, [NO_EVIDENCE]
    if not attempts:
        if result not in ("verified", "failed", "rehearsed"):
            return "nothing was attempted", []
        require(evidence.pre is not None, "the state was not read")
        if result == "failed" and plans.is_fruitless(evidence):
            return "`failed` again: the rehearsal could not read what it needs, or the plan is empty", []
        usable = not unusable(contract, evidence.pre, lambda name: False)
        require(usable == (result != "failed"), "the observation gives another outcome")
        return f"`{result}` again, from the observation", []
    if evidence.post is None and receipt.get("unsent"):
        require(same(receipt["unsent"], plans.unsent(contract, evidence)), "other writes were not sent")
    landed = any(not idle(one) for attempt in attempts for one in attempt["exchanges"])
    if evidence.post is None and not landed:
        require(result in ("denied", "expired", "cancelled", "failed"), "nothing was carried out")
        return f"`{result}` again: the upstream turned the writes away", []
    require(evidence.pre is not None, "no state was read before the attempt")
    undecided = tags(evidence)
    if evidence.post is None:
        require(result == "indeterminate", "the outcome requires a later observation")
        return "`indeterminate` again, without a later observation", undecided
    said, skipped = compare(Seen(contract, evidence, evidence.post, receipt["expect"], receipt["checks"]), receipt)
    return said, undecided + skipped


def tags(evidence: Evidence) -> list[str]:
    """A guarded write of the last attempt has the entity tag of the first GET of its path that counts as 2xx (9.14).

    If only CEL can tell which GET this is, the tag of each GET that may be the first is accepted. Returns these cases.
    """
    skipped = []
    for write in evidence.attempts[-1]:
        if write.request.get("guard") == "etag" and write.data["fate"] != "not_sent":
            found = tagged(write, evidence.pre)
            possible = {one.data["etag"] for one in found if "etag" in one.data}
            require(write.data.get("if_match") in possible, f"`{write.name()}` has another entity tag")
            if any(one.is_success is None for one in found):
                skipped.append(f"`{write.name()}`: from which GET the entity tag is, which depends on `refused_when`")
    return skipped


def tagged(write: Exchange, pre: Look) -> list[Exchange]:
    """The GETs that may be the first of the path that counts as 2xx: those before the first certain one, and this one.
    """
    found, target = [], ["GET", write.request["upstream"], write.request["path"]]
    for one in pre.exchanges:
        is_of_path = [one.request[name] for name in ("method", "upstream", "path")] == target
        if is_of_path and one.is_success is not False:
            found.append(one)
            if one.is_success:
                break
    return found


def settlement(
    contract: Contract, receipt: dict, settled: dict | None, word: dict | None, evidence: Evidence | None
) -> tuple:
    if settled is None:
        return "nothing was settled", []
    declared_outputs(contract, settled)
    if evidence is None or "look" not in settled:
        return ("from the resolution", []) if "look" not in settled else (None, [NO_EVIDENCE])
    require(evidence.pre is not None, "no state was read before the attempt")
    seen = Seen(contract, evidence, evidence.later, receipt["expect"], settled["checks"])
    return compare(seen, settled, word)


def compare(seen: Seen, said: dict, word: dict | None = None) -> tuple:
    judged = judge(seen)
    told = {name: said.get(name, {} if name == "outputs" else []) for name in ("changes", "unexpected", "outputs")}
    unsent = plans.unsent(seen.contract, seen.evidence)
    if "verified" in judged.outcomes and not all(one["optional"] for one in unsent):
        judged.outcomes, judged.outputs = judged.outcomes - {"verified"} | {"mismatch"}, {}
    if "verified" in judged.outcomes and lost(seen.evidence.sent()):
        judged.outcomes, judged.outputs = judged.outcomes - {"verified"} | {"mismatch"}, {}
    found = {"changes": judged.changes, "unexpected": judged.unexpected, "outputs": judged.outputs}
    if "exchanges_sha256" in said:  # a receipt; a reconciliation lists no writes
        told["unsent"], found["unsent"] = said.get("unsent", []), unsent
    if word is not None and "indeterminate" in judged.outcomes:
        judged.outcomes = judged.outcomes - {"indeterminate"} | {VERDICTS[word["verdict"]]}
    result = said["outcome"]
    if result == "indeterminate":
        # A host may claim less than the evidence shows (9.14).
        for name, values in told.items():
            require(not values or same(values, found[name]), f"the {name} are not those of the evidence")
        return "`indeterminate`: the receipt claims no more than the evidence shows", []
    require(result in judged.outcomes, f"the evidence gives {' or '.join(sorted(judged.outcomes))}, not {result}")
    for name, values in told.items():
        require(same(values, found[name]), f"the {name} are not those of the evidence")
    if not judged.compares:
        require(not seen.checks, "there are conditions, but no states to compare")
        return f"`{result}` again, from the exchanges", []
    conditions(seen)
    both = [f"`pending` needs CEL: {' or '.join(sorted(judged.outcomes))}"] if len(judged.outcomes) > 1 else []
    return f"`{result}` again, if CEL evaluates the conditions as recorded", both
