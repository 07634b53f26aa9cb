"""Errors of the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._models import Action


@dataclass(frozen=True)
class Fault:
    """One wrong place of a request: a JSON pointer into the body, and the reason."""

    pointer: str
    reason: str


class DeedError(Exception):
    """The host refused a request. The fields are those of the problem document (RFC 9457)."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: list[Fault],
        limit: str | None,
        retry_after: int | None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.limit = limit
        self.retry_after = retry_after

    @property
    def again(self) -> str:
        """Whether the same call can succeed later.

        `later` as it is, `corrected` with other members, `depends` on what `detail` says, or `no`.
        """
        if self.retry_after is not None:
            return "later"
        return {400: "corrected", 422: "corrected", 409: "depends"}.get(self.status, "no")

    @classmethod
    def of(cls, status: int, body: Any, retry_after: str | None) -> DeedError:
        """The error for a problem document, or for the answer of another program, such as a proxy."""
        problem = body if isinstance(body, dict) else {}
        return cls(
            status=status,
            title=str(problem.get("title", "no problem document")),
            detail=str(problem.get("detail", "")),
            errors=[Fault(one["pointer"], one["reason"]) for one in problem.get("errors", [])],
            limit=problem.get("limit"),
            retry_after=int(retry_after) if retry_after and retry_after.isdigit() else None,
        )


class WaitTimeout(Exception):
    """The action had not ended when the time was over. The action continues; `action` is its last view."""

    def __init__(self, action: Action) -> None:
        super().__init__(f"{action.id} is still `{action.status}`")
        self.action = action
