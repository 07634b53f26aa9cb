"""Exchanges: what an answer means, and the summaries of exchanges (docs/formats.md, 5.5, 7.9, 10.5 and 10.17)."""

from basics import require
from values import digest, same

REHEARSAL = {"seed", "claim", "exchanges", "refused", "plan", "problem", "started_ms", "ended_ms"}
ATTEMPT = {"n", "claim", "exchanges", "refused", "started_ms", "ended_ms"}
OBSERVATION = {"state", "derived", "exchanges", "claim", "refused", "at_ms", "problem"}
EXCHANGE = {
    "ordinal", "request", "fate", "response", "etag", "if_match", "idempotency_key", "carried_from", "retry_after_s",
    "redacted", "problem", "headers", "failure", "started_ms", "ended_ms", "deadline_ms", "secrets",
}
COPIED = ("idempotency_key", "carried_from", "problem", "started_ms", "ended_ms")
NOT_REFUSALS = (408, 409, 425, 429)
TURNED_AWAY = 412


class Exchange:
    """An exchange of the evidence. `meaning` is that of an answer to a write; None for a read, or without an answer."""

    def __init__(self, data: dict, summary: dict) -> None:
        require(set(data) <= EXCHANGE, "an exchange has other members")
        self.data, self.request, self.writes = data, data["request"], data["request"]["writes"]
        self.status = data["fate"]["answered"]["status"] if isinstance(data["fate"], dict) else None
        self.redacted = data.get("redacted", [])
        self.secrets = data.get("secrets", [])
        self.is_2xx = self.status is not None and 200 <= self.status < 300
        self.refused_when = self.request.get("refused_when") if self.is_2xx else None
        self.is_readable = not (self.redacted or "problem" in data or "failure" in data)
        possible = self.possible()
        said = summary.get("meaning", of_status(self.status))
        require(not self.writes or self.status is None or said in possible, f"an answer does not mean `{said}`")
        # If CEL decides between two meanings, the summary says which.
        self.meaning = said if self.writes and self.status is not None else None
        require(same(self.summary(), summary), f"the summary of `{self.name()}` is of another exchange")

    def possible(self) -> list[str]:
        """The meanings that the answer may have. There are two only if `refused_when` has to be evaluated (10.5)."""
        rule = self.request
        if self.status in rule.get("throttled", []) and "retry_after_s" in self.data:
            return ["open"]
        plain = "accepted" if self.status in rule.get("accepted", []) else of_status(self.status)
        return ["refused", plain] if self.refused_when is not None and self.is_readable else [plain]

    def summary(self) -> dict:
        rule = self.request
        found = {name: rule[name] for name in ("upstream", "method", "path", "writes", "guard") if name in rule}
        found |= {name: self.data[name] for name in COPIED if name in self.data} | {"fate": self.data["fate"]}
        if self.meaning is not None and self.meaning != of_status(self.status):
            found["meaning"] = self.meaning
        bodies = {"request_sha256": (rule, "body"), "response_sha256": (self.data, "response")}
        return found | {name: digest(holder[part]) for name, (holder, part) in bodies.items() if part in holder}

    def name(self) -> str:
        return f"{self.request['method']} {self.request['path']}"

    @property
    def is_success(self) -> bool | None:
        """Whether the answer to a read counts as 2xx; None if only CEL can tell (10.17)."""
        if self.refused_when is None or self.writes:
            return self.is_2xx
        return None if self.is_readable else False

    @property
    def says_absent(self) -> bool:
        return self.status in self.request.get("absent", [])

    @property
    def may_have_written(self) -> bool:
        return self.writes and self.data["fate"] != "not_sent"

    @property
    def is_turned_away(self) -> bool:
        return self.writes and "guard" in self.request and self.status == TURNED_AWAY

    @property
    def is_done(self) -> bool:
        return self.meaning in ("done", "accepted")

    @property
    def is_hindered(self) -> bool:
        """Whether the exchange failed for a temporary reason."""
        if self.status is None:
            return self.data.get("failure") != "denied"
        is_throttled = self.status in self.request.get("throttled", []) and "retry_after_s" in self.data
        return is_throttled or self.status in (408, 425, 429) or self.status >= 500

    @property
    def is_open(self) -> bool:
        return self.may_have_written and (self.status is None or self.meaning == "open")

    @property
    def is_created(self) -> bool:
        return self.is_done and self.status in self.request.get("created", [])


def of_status(status: int | None) -> str | None:
    """The meaning of a status alone."""
    if status is None:
        return None
    if 200 <= status < 300:
        return "done"
    return "refused" if 400 <= status < 500 and status not in NOT_REFUSALS else "open"


class Look:
    """An observation of the evidence."""

    def __init__(self, data: dict, look: dict, name: str) -> None:
        require(set(data) <= OBSERVATION, f"{name} has other members")
        self.data, self.state, self.problem = data, data["state"], data.get("problem")
        self.exchanges = exchanges(data["exchanges"], look["exchanges"], name)
        short = (sorted(data.get("derived", [])), data["at_ms"], self.problem)
        require(same(short, (look["derived"], look["at_ms"], look.get("problem"))), f"{name} has another summary")
        clean = data.get("claim") == "done" and not data.get("refused")
        require(clean or self.problem is not None, f"{name} has no `problem`, but its run did not end as `done`")
        self.began_ms = min((one.data["started_ms"] for one in self.exchanges), default=data["at_ms"])


class Rehearsal:
    """The rehearsal of the evidence (11.3)."""

    def __init__(self, data: dict, short: dict) -> None:
        require(set(data) <= REHEARSAL, "the rehearsal has other members")
        self.data, self.plan = data, data.get("plan")
        self.exchanges = exchanges(data["exchanges"], short["exchanges"], "evidence/rehearsal.json")
        plan = {} if self.plan is None else {"plan_sha256": digest(self.plan)}
        found = plan | {name: data[name] for name in ("problem", "started_ms", "ended_ms") if name in data}
        found |= {"evidence_sha256": digest(data), "exchanges": short["exchanges"]}
        require(same(found, short), "the rehearsal has another summary")
        clean = data["claim"] == "done" and not data.get("refused")
        require(clean or self.plan is None, "there is a plan, but the run of the rehearsal did not end as `done`")


class Evidence:
    """The complete observations and attempts of a bundle, which the receipt and the reconciliation sum up."""

    def __init__(self, read: callable, receipt: dict, settled: dict | None) -> None:
        def look(name: str, short: dict | None) -> Look | None:
            return None if short is None else Look(read(f"evidence/{name}.json"), short, f"evidence/{name}.json")

        self.pre, self.post = look("pre", receipt.get("pre")), look("post", receipt.get("post"))
        self.later = look("later", (settled or {}).get("look"))
        short = receipt.get("rehearsal")
        self.rehearsal = None if short is None else Rehearsal(read("evidence/rehearsal.json"), short)
        self.plan = None if self.rehearsal is None else self.rehearsal.plan
        attempts, shorts = read("evidence/exchanges.json"), receipt["attempts"]
        require(len(attempts) == len(shorts), "the attempts are not those of the receipt")
        self.attempts = [attempt(*pair) for pair in zip(attempts, shorts, strict=True)]
        carried([one["exchanges"] for one in attempts])

    def sent(self, count: int | None = None) -> list[Exchange]:
        """The exchanges of the first attempts, or of all."""
        return [one for attempt in self.attempts[:count] for one in attempt]


def exchanges(full: list, short: list, name: str) -> list[Exchange]:
    require(len(full) == len(short), f"{name} has another number of exchanges")
    return [Exchange(*pair) for pair in zip(full, short, strict=True)]


def attempt(full: dict, short: dict) -> list[Exchange]:
    require(set(full) <= ATTEMPT, "an attempt has other members")
    names = ("n", "claim", "refused", "started_ms", "ended_ms")
    require(same(*([one.get(name) for name in names] for one in (full, short))), "an attempt has another summary")
    return exchanges(full["exchanges"], short["exchanges"], f"attempt {full['n']}")


def carried(attempts: list[list[dict]]) -> None:
    """A carried exchange equals the exchange in the attempt that it names (9.13), apart from its position."""
    def plain(one: dict) -> dict:
        return {name: value for name, value in one.items() if name not in ("ordinal", "carried_from")}

    for n, run in enumerate(attempts, 1):
        for one in (one for one in run if "carried_from" in one):
            first = attempts[one["carried_from"] - 1] if 0 < one["carried_from"] < n else []
            earlier = [plain(other) for other in first if "carried_from" not in other]
            require(any(same(plain(one), other) for other in earlier), f"attempt {n} carries what no earlier one got")
