"""Requests and answers without input and output, for both clients."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from ._errors import DeedError
from ._models import Source

# The host waits at most this long within one request.
WAIT_MAX_S = 50
# How often the clients ask while people must approve, in seconds.
POLL_S = 5.0
# The pauses in seconds before a request is sent again because the connection failed.
PAUSES = (0.25, 1.0)
KEY_FORM = "must be 1 to 128 visible ASCII characters"
_KEY = "Idempotency-Key"
# The request itself is wrong, so it fails each time.
NEVER_AGAIN = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def pauses(self) -> tuple[float, ...]:
        """The pauses before the request is sent again, none if it must not be sent twice.

        A repeated read changes nothing, and a repeated proposal with a key is the same action.
        """
        return PAUSES if self.method == "GET" or _KEY in self.headers else ()

    def arguments(self) -> dict[str, Any]:
        """The arguments for `httpx.Client.request`."""
        headers = dict(self.headers)
        content = None
        if self.body is not None:
            content = json.dumps(self.body).encode()
            headers["Content-Type"] = "application/json"
        elif self.method == "POST":
            content = b""
        return {
            "method": self.method,
            "url": self.path,
            "headers": headers,
            "params": self.params or None,
            "content": content,
        }


def settings(url: str, token: str, timeout: float) -> dict[str, Any]:
    """The arguments for `httpx.Client`. The timeout of a read must be longer than the host waits."""
    return {
        "base_url": base(url),
        "headers": {"Authorization": f"Bearer {checked_token(token)}"},
        "timeout": httpx.Timeout(timeout, read=max(timeout, WAIT_MAX_S + 10)),
        "follow_redirects": False,
    }


def base(url: str) -> str:
    """The address of the host. Configurations of MCP clients have that of the MCP server, which is `/mcp` below it."""
    return re.sub("(?<=[^/])/mcp$", "", url.rstrip("/"))


def checked_token(token: str) -> str:
    """The token without surrounding white space, such as the end of the line in a file.

    Raises:
        ValueError: It cannot be a token. The error does not contain the token, and no later error does: the HTTP
            library would write a header that it refuses into its error.
    """
    stripped = token.strip() if isinstance(token, str) else ""
    if not re.fullmatch("[!-~]+", stripped):
        raise ValueError("the token must be visible ASCII characters")
    return stripped


def is_key(key: object) -> bool:
    return isinstance(key, str) and re.fullmatch("[!-~]{1,128}", key) is not None


def proposal(
    contract: str,
    params: Mapping[str, Any],
    intent: str,
    sources: Sequence[Source] = (),
    expect: Mapping[str, Any] | None = None,
    reasoning: str | None = None,
    on_behalf_of: str | None = None,
    environment: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    body: dict[str, Any] = {"contract": contract, "params": dict(params), "intent": intent}
    optional = {
        "sources": list(sources) or None,
        "expect": dict(expect) if expect else None,
        "reasoning": reasoning,
        "on_behalf_of": on_behalf_of,
        "environment": environment,
        "dry_run": dry_run or None,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def propose(body: dict[str, Any], idempotency_key: str | None, wait: int | None) -> Request:
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    if not is_key(key):
        raise ValueError(f"`idempotency_key` {KEY_FORM}")
    return Request("POST", "/v1/actions", {_KEY: key} | prefer(wait), body=body)


def status(action: str, wait: int | None) -> Request:
    return Request("GET", path(action), prefer(wait))


def cancel(action: str) -> Request:
    return Request("POST", path(action) + "/cancel")


def listing(**filters: str | int | None) -> Request:
    given = {name: str(value) for name, value in filters.items() if value is not None}
    return Request("GET", "/v1/actions", params=given)


def path(action: str) -> str:
    return f"/v1/actions/{quote(action, safe='')}"


def prefer(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"Prefer": f"wait={min(max(wait, 0), WAIT_MAX_S)}"}


def checked(response: httpx.Response) -> httpx.Response:
    """The response, if it is a success.

    Raises:
        DeedError: The host refused the request.
    """
    if response.is_success:
        return response
    try:
        body = response.json()
    except ValueError:
        body = None
    raise DeedError.of(response.status_code, body, response.headers.get("Retry-After"))


def next_wait(left: float | None) -> int:
    """The seconds to wait in the next request."""
    return WAIT_MAX_S if left is None else max(1, min(WAIT_MAX_S, int(left)))
