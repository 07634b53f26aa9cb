"""Types of requests and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

ToolFormat = Literal["openai", "openai-responses", "anthropic", "gemini", "mcp", "langchain"]

_OPEN = frozenset({"pending", "waiting", "running"})


class _SourceDigest(TypedDict, total=False):
    sha256: str


class Source(_SourceDigest):
    """A ticket or document that the agent relies on."""

    uri: str


class _OptionalWrite(TypedDict, total=False):
    optional: bool
    unsent: bool


class PlannedRequest(_OptionalWrite):
    """One write of a plan. `changed` has JSON pointers into the body; the agent sees no values."""

    method: str
    upstream: str
    request: str
    changed: list[str]


@dataclass(frozen=True)
class Action:
    """One action as the agent may see it. `raw` is the whole answer of the host.

    `approve_url` is a page for the people who approve, while the action waits. The page cannot approve. `plan` has the
    planned writes of an ended action, if the contract is open.
    """

    id: str
    status: str
    contract: str
    resource: str
    outcome: str | None = None
    reason: str | None = None
    obligations: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secrets: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    expires_ms: int | None = None
    approve_url: str | None = None
    dry_run: bool = False
    plan: list[PlannedRequest] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the action has ended. The status is then the outcome."""
        return self.status not in _OPEN

    @property
    def waiting(self) -> bool:
        """Whether people must approve first; `obligations` says how many, in which role."""
        return self.status == "waiting"

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Action:
        return cls(
            id=raw["id"],
            status=raw["status"],
            contract=raw["contract"],
            resource=raw["resource"],
            outcome=raw.get("outcome"),
            reason=raw.get("reason"),
            obligations=list(raw.get("obligations", [])),
            outputs=dict(raw.get("outputs", {})),
            secrets=list(raw.get("secrets", [])),
            result=raw.get("result"),
            expires_ms=raw.get("expires_ms"),
            approve_url=raw.get("approve_url"),
            dry_run=raw.get("dry_run", False),
            plan=list(raw.get("plan", [])),
            raw=raw,
        )


@dataclass(frozen=True)
class ActionSummary:
    """One action of a list."""

    id: str
    status: str
    contract: str
    resource: str
    agent: str
    at_ms: int

    @classmethod
    def of(cls, raw: dict[str, Any]) -> ActionSummary:
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class ToolList:
    """Tool definitions, and the name of the contract of each tool by the name of the tool."""

    tools: list[dict[str, Any]]
    contracts: dict[str, str]


@dataclass(frozen=True)
class ToolResult:
    """What a model gets as the result of a tool call. `content` can be written as JSON."""

    content: dict[str, Any]
    is_error: bool
