"""Tool calls of models: from a call to a proposal, and from an answer to the result of the call.

The functions `openai_result`, `openai_response_output`, `anthropic_result` and `langchain_result` accept the call of the
vendor's library, or the same as a dictionary, and return a dictionary that the vendor's interface takes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ._errors import DeedError
from ._models import Action, ToolList, ToolResult

_ARGUMENTS = ("intent", "sources", "expect")


class NoSuchTool(ValueError):
    """The model called a tool that is not in the list."""


def parse(arguments: str | dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, which some interfaces give as JSON text."""
    given = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments)
    if not isinstance(given, dict):
        raise ValueError("the arguments are not an object")
    return given


def split(
    tools: ToolList, name: str, arguments: dict[str, Any], call: str | None
) -> tuple[dict[str, Any], str | None]:
    """The proposal of a call, and its idempotency key.

    Without a key of the model, the id of the call is the key: a call that is carried out twice is then one action.
    """
    contract = tools.contracts.get(name)
    if contract is None:
        raise NoSuchTool(f"there is no tool `{name}`")
    rest = dict(arguments)
    key = rest.pop("idempotency_key", None) or (key_of(call) if call else None)
    body: dict[str, Any] = {"contract": contract}
    body |= {member: rest.pop(member) for member in _ARGUMENTS if member in rest}
    body["params"] = rest.pop("params") | rest if isinstance(rest.get("params"), dict) else rest
    return body, key


def key_of(call: str) -> str:
    fits = len(call) <= 100 and call.isascii() and call.isprintable() and " " not in call
    return f"call-{call}" if fits else f"call-{hashlib.sha256(call.encode()).hexdigest()}"


def of_action(action: Action) -> ToolResult:
    """The result of a call, with the members of the structured result that deed's MCP tools have."""
    content: dict[str, Any] = {"action": action.id, "status": action.status}
    optional = {
        "outcome": action.outcome,
        "outputs": action.outputs or None,
        "result": action.result,
        "waits_for": action.obligations or None,
        "poll_after_ms": 15_000 if action.waiting else None if action.ended else 1_000,
        "why": action.reason,
        "policies": policies(action),
    }
    content |= {name: value for name, value in optional.items() if value is not None}
    return ToolResult(content, is_error=action.ended and action.status != "verified")


def policies(action: Action) -> list[str] | None:
    """The policies that denied the action, or that require the approvals for which it waits."""
    concerns = action.status in ("denied", "waiting")
    return (action.raw.get("decision") or {}).get("determining") or None if concerns else None


def of_error(error: Exception, arguments: dict[str, Any]) -> ToolResult:
    """The result of a call that was refused. The pointers lead into the arguments as the model wrote them."""
    if not isinstance(error, DeedError):
        refused = {"refused": "this is not a call of a tool", "why": str(error), "again": "corrected"}
        return ToolResult(refused, is_error=True)
    nested = isinstance(arguments.get("params"), dict)
    content: dict[str, Any] = {
        "refused": error.title,
        "why": error.detail,
        "again": error.again,
    }
    if error.errors:
        content["errors"] = [
            {
                "pointer": one.pointer if nested else one.pointer.removeprefix("/params"),
                "reason": one.reason,
            }
            for one in error.errors
        ]
    if error.limit:
        content["limit"] = error.limit
    if error.retry_after is not None:
        content["retry_after_ms"] = error.retry_after * 1_000
    return ToolResult(content, is_error=True)


def member(value: Any, name: str) -> Any:
    """A member of a dictionary or of an object of a vendor's library."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def named(call: Any) -> tuple[str, str | dict[str, Any], str | None]:
    """The name, the arguments and the id of a tool call of OpenAI, Anthropic or LangChain."""
    function = member(call, "function")
    if function is not None:
        return member(function, "name"), member(function, "arguments"), member(call, "id")
    for arguments in ("arguments", "input", "args"):
        given = member(call, arguments)
        if given is not None:
            return member(call, "name"), given, member(call, "call_id") or member(call, "id")
    raise ValueError("this is not a tool call of OpenAI, Anthropic or LangChain")


def openai_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """A message for Chat Completions."""
    return {"role": "tool", "tool_call_id": named(call)[2], "content": json.dumps(result.content)}


def openai_response_output(call: Any, result: ToolResult) -> dict[str, Any]:
    """An input item for Responses."""
    output = json.dumps(result.content)
    return {"type": "function_call_output", "call_id": named(call)[2], "output": output}


def anthropic_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """A content block for Messages."""
    return {
        "type": "tool_result",
        "tool_use_id": named(call)[2],
        "content": json.dumps(result.content),
        "is_error": result.is_error,
    }


def langchain_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """The fields of a `ToolMessage`: `ToolMessage(**langchain_result(call, result))`."""
    return {
        "content": json.dumps(result.content),
        "tool_call_id": named(call)[2],
        "name": named(call)[0],
        "status": "error" if result.is_error else "success",
    }
