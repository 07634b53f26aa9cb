"""Tool calls of models: from a call to a proposal, and from an answer to the result of the call.

The functions `openai_result`, `openai_response_output`, `anthropic_result` and `langchain_result` accept the call of the
vendor's library, or the same as a dictionary, and return a dictionary that the vendor's interface takes.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from ._errors import DeedError, Fault
from ._models import Action, ToolList, ToolResult
from ._wire import KEY_FORM, is_key

_ARGUMENTS = ("intent", "sources", "expect")
_KEY = "idempotency_key"
# The host reads JSON of at most 128 levels; the arguments are a part of the request.
_DEPTH_MAX = 100


class CallError(Exception):
    """The call cannot be sent. The pointer leads into the arguments, or into the call itself."""

    def __init__(self, title: str, why: str, pointer: str, reason: str) -> None:
        super().__init__(why)
        self.title = title
        self.fault = Fault(pointer, reason)


def _not_a_call(pointer: str, reason: str) -> CallError:
    return CallError("this is not a call of a tool", reason, pointer, reason)


def _not_valid(pointer: str, reason: str) -> CallError:
    what = f"`{pointer}`" if pointer else "the arguments"
    return CallError("the arguments are not valid", f"{what} {reason}", pointer, reason)


class _Object(dict[str, Any]):
    """A JSON object in whose text a name occurs more than once."""

    twice: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    one = _Object(pairs)
    seen = set()
    for name, _ in pairs:
        if name in seen:
            one.twice = name
            return one
        seen.add(name)
    return dict(one)


def parse(arguments: Any) -> dict[str, Any]:
    """The arguments of a call, which some interfaces give as JSON text.

    Raises:
        CallError: They are not an object that can be written as JSON.
    """
    given = arguments
    if isinstance(arguments, str):
        try:
            given = json.loads(arguments or "{}", object_pairs_hook=_object)
        except RecursionError:
            raise _not_valid("", f"have more than {_DEPTH_MAX} levels") from None
        except ValueError as error:
            raise _not_valid("", f"are not JSON: {error}") from None
    if not isinstance(given, dict):
        raise _not_valid("", "are not an object")
    _check(given)
    return dict(given)


def _check(arguments: dict[str, Any]) -> None:
    """Checks that the arguments can be sent as they are. Does not recurse, because a model chooses the depth."""
    open_: list[tuple[str, int, Any]] = [("", 1, arguments)]
    while open_:
        pointer, depth, value = open_.pop()
        if depth > _DEPTH_MAX:
            raise _not_valid("", f"have more than {_DEPTH_MAX} levels")
        if isinstance(value, _Object):
            raise _not_valid(_child(pointer, value.twice), "occurs twice")
        if isinstance(value, dict):
            for name, inner in value.items():
                if not isinstance(name, str):
                    raise _not_valid(pointer, "must have texts as names")
                open_.append((_child(pointer, name), depth + 1, inner))
        elif isinstance(value, (list, tuple)):
            open_ += [(f"{pointer}/{at}", depth + 1, inner) for at, inner in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise _not_valid(pointer, "is not a number of JSON")
        elif value is not None and not isinstance(value, (str, int, float)):
            raise _not_valid(pointer, "is not a value of JSON")


def _child(pointer: str, name: str) -> str:
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def split(
    tools: ToolList, call: Named, arguments: dict[str, Any], scope: str | None
) -> tuple[dict[str, Any], str | None]:
    """The proposal of a call, and its idempotency key: the one in the arguments, or one for the call in this scope.

    Raises:
        CallError: There is no such tool, or the key in the arguments cannot be a key.
        TypeError: There is neither a key nor a scope.
    """
    contract = tools.contracts.get(call.name)
    if contract is None:
        raise _not_a_call(call.name_pointer, "there is no such tool")
    if _KEY in arguments:
        key = arguments[_KEY]
        if not is_key(key):
            raise _not_valid(f"/{_KEY}", KEY_FORM)
    else:
        key = key_of(scope, call, arguments)
    body: dict[str, Any] = {"contract": contract}
    body |= {member: arguments[member] for member in _ARGUMENTS if member in arguments}
    rest = parameters(arguments)
    body["params"] = rest["params"] if is_nested(arguments) else rest
    return body, key


def parameters(arguments: dict[str, Any]) -> dict[str, Any]:
    taken = (*_ARGUMENTS, _KEY)
    return {name: value for name, value in arguments.items() if name not in taken}


def is_nested(arguments: dict[str, Any]) -> bool:
    """Whether `params` holds all parameters. Beside other parameters, it is sent as one, and the host refuses it."""
    return parameters(arguments).keys() == {"params"}


def key_of(scope: str | None, call: Named, arguments: dict[str, Any]) -> str | None:
    """The key of a call without a key in its arguments, or `None` if the call has no id.

    The id alone is not enough: many servers number the calls of each conversation (`call_0`, `call_1`), so the call of
    another conversation would get the answer for an earlier action. The scope distinguishes conversations; the name
    and the arguments distinguish the calls of a server that uses an id twice in one conversation.
    """
    if not isinstance(scope, str) or not scope:
        raise TypeError("`call_tool` needs a `scope`: the arguments have no idempotency key")
    if not call.id:
        return None
    canonical = json.dumps(
        [scope, call.id, call.name, arguments], sort_keys=True, separators=(",", ":")
    )
    return f"call-{hashlib.sha256(canonical.encode()).hexdigest()}"


def of_action(action: Action) -> ToolResult:
    """The result of a call, with the members of the structured result that deed's MCP tools have."""
    content: dict[str, Any] = {"action": action.id, "status": action.status}
    optional = {
        "outcome": action.outcome,
        "outputs": action.outputs or None,
        "secrets": secrets(action) or None,
        "result": action.result,
        "waits_for": action.obligations or None,
        "approve_url": action.approve_url,
        "poll_after_ms": 15_000 if action.waiting else None if action.ended else 1_000,
        "why": action.reason,
        "policies": policies(action),
    }
    content |= {name: value for name, value in optional.items() if value is not None}
    return ToolResult(content, is_error=action.ended and action.status != "verified")


def secrets(action: Action) -> list[str]:
    """The secrets that the upstreams created, such as `secret access_key stored`. Their values are not shown."""
    word = {True: "stored", False: "not stored"}
    return [f"secret {one['name']} {word[one['stored']]}" for one in action.secrets]


def policies(action: Action) -> list[str] | None:
    """The policies that denied the action, or that require the approvals for which it waits.

    None if policy did not deny the action, but a condition of the contract or a person did.
    """
    decision = action.raw.get("decision") or {}
    found: list[str] = []
    match action.status, decision.get("verdict"):
        case "denied", "deny":
            found = decision.get("determining", [])
        case "waiting", "ask":
            found = [one["policy"] for one in decision.get("obligations", [])]
    return found or None


def of_error(error: DeedError | CallError, arguments: dict[str, Any]) -> ToolResult:
    """The result of a call that was refused. The pointers lead into the arguments as the model wrote them."""
    if isinstance(error, CallError):
        one = error.fault
        return ToolResult(
            {
                "refused": error.title,
                "why": str(error),
                "again": "corrected",
                "errors": [{"pointer": one.pointer, "reason": one.reason}],
            },
            is_error=True,
        )
    nested = is_nested(arguments)
    content: dict[str, Any] = {
        "refused": error.title,
        "why": error.detail,
        "again": error.again,
    }
    if error.errors:
        content["errors"] = [
            {"pointer": one.pointer if nested else _as_written(one.pointer), "reason": one.reason}
            for one in error.errors
        ]
    if error.limit:
        content["limit"] = error.limit
    if error.retry_after is not None:
        content["retry_after_ms"] = error.retry_after * 1_000
    return ToolResult(content, is_error=True)


def _as_written(pointer: str) -> str:
    inner = pointer.removeprefix("/params")
    return inner if not inner or inner.startswith("/") else pointer


def member(value: Any, name: str) -> Any:
    """A member of a dictionary or of an object of a vendor's library."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


@dataclass(frozen=True)
class Named:
    """A call whose name and id have the right types."""

    name: str
    name_pointer: str
    arguments: Any
    id: str | None


def named(call: Any) -> Named:
    """The name, the arguments and the id of a tool call of OpenAI, Anthropic or LangChain.

    Raises:
        CallError: It is not a tool call.
    """
    function = member(call, "function")
    base, holder = ("", call) if function is None else ("/function", function)
    names = ("arguments", "input", "args") if function is None else ("arguments",)
    given = next((one for one in (member(holder, name) for name in names) if one is not None), None)
    if given is None:
        reason = "this is not a tool call of OpenAI, Anthropic or LangChain"
        raise _not_a_call(f"{base}/arguments", reason)
    name = member(holder, "name")
    if not isinstance(name, str):
        raise _not_a_call(f"{base}/name", "the name is not a text")
    id = id_of(call)
    if id is not None and not isinstance(id, str):
        place = "/id" if member(call, "call_id") is None else "/call_id"
        raise _not_a_call(place, "the id is not a text")
    return Named(name, f"{base}/name", given, id)


def id_of(call: Any) -> Any:
    """The id of a call, which may have any type if the call is not valid."""
    id = None if member(call, "function") is not None else member(call, "call_id")
    return member(call, "id") if id is None else id


def openai_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """A message for Chat Completions."""
    return {"role": "tool", "tool_call_id": id_of(call), "content": json.dumps(result.content)}


def openai_response_output(call: Any, result: ToolResult) -> dict[str, Any]:
    """An input item for Responses."""
    output = json.dumps(result.content)
    return {"type": "function_call_output", "call_id": id_of(call), "output": output}


def anthropic_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """A content block for Messages."""
    return {
        "type": "tool_result",
        "tool_use_id": id_of(call),
        "content": json.dumps(result.content),
        "is_error": result.is_error,
    }


def langchain_result(call: Any, result: ToolResult) -> dict[str, Any]:
    """The fields of a `ToolMessage`: `ToolMessage(**langchain_result(call, result))`."""
    return {
        "content": json.dumps(result.content),
        "tool_call_id": id_of(call),
        "name": member(call, "name") or member(member(call, "function"), "name"),
        "status": "error" if result.is_error else "success",
    }
