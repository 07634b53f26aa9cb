"""Whether each attempt after the first was allowed (docs/formats.md, 9.13). The summaries suffice for that."""

from basics import require
from envelopes import idle
from exchanges import of_status
from templates import Contract

REPEATABLE = ("idempotent", "observable", "keyed")


def repetitions(contract: Contract, receipt: dict) -> None:
    runs = [attempt["exchanges"] for attempt in receipt["attempts"]]
    for n, attempt in enumerate(receipt["attempts"][1:], 1):
        if all(idle(one) for run in runs[:n] for one in run):
            continue
        allowed = contract.text.get("limits", {}).get("attempts", 1)
        require(n < allowed, f"the contract does not allow attempt {n + 1}")
        for sent in writes(runs[:n]):
            may_follow(contract, receipt["grant"]["upstreams"], sent, attempt["started_ms"])
    for sent in writes(runs):
        is_done = False
        for one in sent:
            is_carried = "carried_from" in one
            require(is_carried == is_done, f"`{one['path']}` was sent again after it was carried out, or the reverse")
            is_done = is_done or meaning(one) in ("done", "accepted")


def writes(runs: list[list[dict]]) -> list[list[dict]]:
    """The exchanges of each write. A write is a request, and the number of equal requests of its run before it."""
    found: dict[tuple, list[dict]] = {}
    for run in runs:
        counts: dict[tuple, int] = {}
        for one in (one for one in run if one["writes"]):
            request = (one["upstream"], one["method"], one["path"], one.get("request_sha256"))
            counts[request] = counts.get(request, 0) + 1
            if one["fate"] != "not_sent":
                found.setdefault((*request, counts[request]), []).append(one)
    return list(found.values())


def may_follow(contract: Contract, upstreams: dict, sent: list[dict], now_ms: int) -> None:
    """Fails if an attempt at this time may not follow what is known about a write."""
    found, first = {meaning(one) for one in sent}, sent[0]
    if found & {"done", "accepted"}:
        return
    require("refused" not in found, f"an attempt followed the refusal of `{first['path']}`")
    effect = contract.text["action"]["effect"]
    require(effect in REPEATABLE, f"`{first['path']}` may have been carried out, and the effect is `{effect}`")
    if effect == "keyed":
        promise = upstreams[first["upstream"]].get("idempotency")
        keys = {one.get("idempotency_key") for one in sent}
        require(promise is not None and len(keys) == 1 and None not in keys, "a repetition has no key, or another key")
        require(now_ms < first["started_ms"] + promise["window_ms"], "the key of a repetition has expired")


def meaning(one: dict) -> str:
    status = one["fate"]["answered"]["status"] if isinstance(one["fate"], dict) else None
    return one.get("meaning", of_status(status)) or "open"
