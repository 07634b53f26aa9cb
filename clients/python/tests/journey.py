"""One journey through a running host with each client.

The test of the host starts this script with the addresses in the environment. Whenever the script prints `approve ID`,
the test approves that action as a person.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from pathlib import Path
from typing import Any, get_args

import httpx

from deed_client import (
    Action,
    AsyncDeed,
    Deed,
    DeedError,
    ToolFormat,
    ToolList,
    ToolResult,
    Verifier,
    VerifierError,
    WaitTimeout,
    anthropic_result,
    langchain_result,
    openai_response_output,
    openai_result,
)
from deed_client._tools import of_action

URL, TOKEN = os.environ["DEED_URL"], os.environ["DEED_TOKEN"]
LOCKED_OUT = os.environ["LOCKED_OUT"].split(",")
SOURCES: Any = [{"uri": "ticket:4711"}]
INTENT = "the user is locked out and has proved who they are"


def approve(action: Action) -> None:
    """Asks the person who runs this script to approve."""
    assert action.waiting and action.obligations == ["approve:1:support-lead"], action
    # People reach a host on loopback by name, because passkeys belong to a name.
    page = URL.replace("127.0.0.1", "localhost")
    assert action.approve_url == f"{page}/actions/{action.id}", action
    print(f"approve {action.id}", flush=True)


def openai_call(user: str, **more: Any) -> dict[str, Any]:
    arguments = {"user_id": user, "intent": INTENT, "sources": SOURCES} | more
    function = {"name": "idp_read_user", "arguments": json.dumps(arguments)}
    return {"id": f"call_{user}", "type": "function", "function": function}


# For each call that the host must not see: the call's other members, and the pointer of the refusal.
DEEP = "[" * 100_000 + "]" * 100_000
BAD_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"arguments": '{"idempotency_key": 7}'}, "/idempotency_key"),
    ({"arguments": '{"idempotency_key": null}'}, "/idempotency_key"),
    ({"arguments": '{"idempotency_key": ""}'}, "/idempotency_key"),
    ({"arguments": {"idempotency_key": "a\n"}}, "/idempotency_key"),
    ({"arguments": {"idempotency_key": "\u00e9"}}, "/idempotency_key"),
    ({"arguments": {"idempotency_key": "k" * 129}}, "/idempotency_key"),
    ({"arguments": "[1]"}, ""),
    ({"arguments": 7}, ""),
    ({"arguments": "{"}, ""),
    ({"arguments": f'{{"a": {DEEP}}}'}, ""),
    ({"arguments": f'{{"a": {"[" * 100}{"]" * 100}}}'}, ""),
    ({"arguments": '{"a": 1e999}'}, "/a"),
    ({"arguments": '{"a": [0, {"b/c": 1, "b/c": 2}]}'}, "/a/1/b~1c"),
    ({"name": ["x"]}, "/name"),
    ({"name": "rm"}, "/name"),
    ({"call_id": 7}, "/call_id"),
    ({"arguments": None}, "/arguments"),
]


def bad_calls() -> list[tuple[dict[str, Any], str]]:
    good = {"name": "idp_read_user", "arguments": "{}", "call_id": "call_0"}
    return [(good | more, pointer) for more, pointer in BAD_CALLS]


def check_bad_call(call: dict[str, Any], pointer: str, result: ToolResult) -> None:
    assert result.is_error and result.content["again"] == "corrected", (call, result)
    assert [one["pointer"] for one in result.content["errors"]] == [pointer], (call, result)
    assert openai_response_output(call, result)["call_id"] == call["call_id"]


def check_params(result: ToolResult) -> None:
    """`params` beside another parameter is not merged with it."""
    pointers = {one["pointer"] for one in result.content["errors"]}
    assert result.is_error and "/params" in pointers, result


def check_tokens() -> None:
    for token in ("deed_a\nb", "deed_\u00e9", "", " "):
        for client in (Deed, AsyncDeed):
            try:
                client(URL, token)
                raise AssertionError("it must be refused")
            except ValueError as error:
                assert str(error) == "the token must be visible ASCII characters", error


def check_polls() -> None:
    for client in (Deed, AsyncDeed):
        for method in (client.wait, client.propose_and_wait):
            assert inspect.signature(method).parameters["poll"].default == 5.0, method


def check_policies() -> None:
    """A result names only the policies that denied the action or that require its approvals."""
    for status, verdict, expected in (
        ("waiting", "ask", ["a"]),
        ("denied", "deny", ["a", "b"]),
        ("denied", "ask", None),
        ("verified", "allow", None),
    ):
        needed = [{"count": 1, "role": "lead", "policy": "a"}]
        decision = {"verdict": verdict, "determining": ["a", "b"], "obligations": needed}
        raw = {"id": "act_1", "status": status, "contract": "c", "resource": "r"}
        content = of_action(Action.of(raw | {"decision": decision, "approve_url": "u"})).content
        assert content.get("policies") == expected, content
        assert content["approve_url"] == "u", content


async def check_addresses() -> None:
    """The address of the MCP server names its host."""
    for url in (f"{URL}/", f"{URL}/mcp", f"{URL}/mcp/"):
        with Deed(url, TOKEN) as deed:
            deed.list()
        async with AsyncDeed(url, TOKEN) as deed_async:
            await deed_async.list()


class Broken:
    """A connection that always fails, and the requests that were sent."""

    def __init__(self, error: httpx.TransportError) -> None:
        self.error = error
        self.sent: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url.path)
        raise self.error


def check_repetition() -> None:
    """Reads and proposals are sent again; a cancellation, an explanation and a wrong request are not."""
    lost, wrong = httpx.ConnectError("lost"), httpx.LocalProtocolError("wrong")
    for error, method, given, times in (
        (lost, "status", ("a",), 3),
        (lost, "propose", ("c", {}, "i"), 3),
        (lost, "cancel", ("a",), 1),
        (lost, "explain", ("c", {}, "i"), 1),
        (wrong, "status", ("a",), 1),
    ):
        broken = Broken(error)
        with Deed(URL, TOKEN, transport=httpx.MockTransport(broken)) as deed:
            try:
                getattr(deed, method)(*given)
                raise AssertionError("it must fail")
            except httpx.TransportError as failed:
                assert failed is error, failed
        assert len(broken.sent) == times, (method, broken.sent)

        async def repeat(broken: Broken, method: str, given: tuple[Any, ...]) -> None:
            async with AsyncDeed(URL, TOKEN, transport=httpx.MockTransport(broken)) as deed:
                try:
                    await getattr(deed, method)(*given)
                    raise AssertionError("it must fail")
                except httpx.TransportError as failed:
                    assert failed is broken.error, failed

        broken = Broken(error)
        asyncio.run(repeat(broken, method, given))
        assert len(broken.sent) == times, (method, broken.sent)


def check_tools(lists: dict[str, ToolList]) -> None:
    for format, listed in lists.items():
        assert listed.contracts["idp_restore_access"] == "idp.restore_access", (format, listed)
        assert "idp_restore_access" in json.dumps(listed.tools), (format, listed)
    assert lists["openai"].tools[0]["function"]["name"] == "idp_read_user"
    assert lists["anthropic"].tools[0]["input_schema"]["type"] == "object"


def check_results(call: dict[str, Any], good: ToolResult, bad: ToolResult) -> None:
    assert not good.is_error and good.content["status"] == "verified", good
    assert good.content["result"]["user"]["active"] is False, good
    assert bad.is_error and bad.content["again"] == "corrected", bad
    assert {one["pointer"] for one in bad.content["errors"]} == {"/user_id", "/admin"}, bad
    message = openai_result(call, good)
    assert (message["role"], message["tool_call_id"]) == ("tool", call["id"]), message
    assert json.loads(message["content"]) == good.content
    response = {"type": "function_call", "call_id": "c1", "name": "x", "arguments": "{}"}
    assert openai_response_output(response, good)["call_id"] == "c1"
    block = anthropic_result({"type": "tool_use", "id": "t1", "name": "x", "input": {}}, bad)
    assert (block["tool_use_id"], block["is_error"]) == ("t1", True), block
    chain = langchain_result({"name": "x", "args": {}, "id": "l1", "type": "tool_call"}, bad)
    assert (chain["tool_call_id"], chain["status"]) == ("l1", "error"), chain


def check_bundle(bundle: bytes, action: str) -> None:
    """The verifier decides with the keys of the trust directory alone. A changed bundle fails."""
    verifier = Verifier(os.environ["DEED_VERIFIER"])
    trust = {path.name: path.read_text("utf-8") for path in Path(os.environ["DEED_TRUST"]).iterdir()}
    checked = verifier.verify(bundle, trust)
    found = (checked.verdict, checked.exit_code, checked.report["action"], checked.report["outcome"])
    assert found == ("signatures_only", 3, action, "verified"), checked
    altered = bytearray(bundle)
    altered[len(altered) // 2] ^= 1
    refused = verifier.verify(bytes(altered), trust)
    assert (refused.verdict, refused.exit_code) == ("failed", 1), refused
    assert verifier.verify(bundle, {}).verdict == "unverifiable"
    for wrong in ({"receipt.pub": "a key"}, {"log.vkey": "x" * (17 << 20)}):
        try:
            verifier.verify(bundle, wrong)
            raise AssertionError("it must be refused")
        except VerifierError:
            pass


def check_refusal(error: DeedError) -> None:
    assert (error.status, error.title) == (422, "the proposal is not valid"), error
    assert [fault.pointer for fault in error.errors] == ["/params/user_id"], error.errors


def sync_journey(user: str) -> None:
    with Deed(URL, f" {TOKEN}\n") as deed:
        lists = {format: deed.tools(format) for format in get_args(ToolFormat)}
        check_tools(lists)
        call = openai_call(user)
        good = deed.call_tool(lists["openai"], call, scope="run-1", wait=30)
        again = deed.call_tool(lists["openai"], call, scope="run-1", wait=30)
        assert good.content["action"] == again.content["action"], (good, again)
        other = deed.call_tool(lists["openai"], call, scope="run-2", wait=30)
        more = openai_call(user, intent="another intent")
        changed = deed.call_tool(lists["openai"], more, scope="run-1", wait=30)
        assert len({one.content["action"] for one in (good, other, changed)}) == 3
        keyed = openai_call(user, idempotency_key=f"py-{user}")
        assert deed.call_tool(lists["openai"], keyed, wait=30).content["status"] == "verified"
        try:
            deed.call_tool(lists["openai"], call)
            raise AssertionError("it must be refused")
        except TypeError as error:
            assert "scope" in str(error), error
        wrong = openai_call("short", admin=True)
        check_results(call, good, deed.call_tool(lists["openai"], wrong, scope="run-1"))
        none = openai_call(user) | {"function": {"name": "rm", "arguments": "{}"}}
        assert deed.call_tool(lists["openai"], none, scope="run-1").is_error
        for one, pointer in bad_calls():
            check_bad_call(one, pointer, deed.call_tool(lists["openai"], one, scope="run-1"))
        beside = openai_call("short", params={"user_id": user})
        check_params(deed.call_tool(lists["openai"], beside, scope="run-1"))

        restore = ("idp.restore_access", {"user_id": user}, INTENT)
        told = deed.explain(*restore, sources=SOURCES)
        assert told["decision"]["verdict"] == "ask", told
        tried = deed.propose(*restore, sources=SOURCES, dry_run=True)
        assert tried.status == tried.outcome == "rehearsed" and tried.dry_run, tried
        assert tried.plan == [], "the contract is closed"
        parked = deed.propose(*restore, sources=SOURCES, idempotency_key=f"parked-{user}")
        same = deed.propose(*restore, sources=SOURCES, idempotency_key=f"parked-{user}")
        assert parked.id == same.id and parked.waiting
        try:
            deed.wait(parked, timeout=0.2, poll=0.1)
            raise AssertionError("it must not end by itself")
        except WaitTimeout as late:
            assert late.action.id == parked.id
        assert deed.cancel(parked.id).status == "cancelled"
        ended = deed.propose_and_wait(
            *restore, sources=SOURCES, on_waiting=approve, poll=0.2, timeout=60
        )
        assert ended.status == ended.outcome == "verified", ended
        assert deed.status(ended.id).ended
        listed = [one.id for one in deed.list(status="verified", limit=5)]
        assert ended.id in listed, listed
        check_bundle(deed.bundle(ended.id), ended.id)
        try:
            deed.propose("idp.read_user", {"user_id": "short"}, INTENT)
            raise AssertionError("it must be refused")
        except DeedError as error:
            check_refusal(error)
    with Deed(URL, "deed_wrong") as stranger:
        try:
            stranger.list()
            raise AssertionError("it must be refused")
        except DeedError as error:
            assert error.status == 401, error


async def async_journey(user: str) -> None:
    async with AsyncDeed(URL, f" {TOKEN}\n") as deed:
        lists = {format: await deed.tools(format) for format in get_args(ToolFormat)}
        check_tools(lists)
        call = openai_call(user)
        good = await deed.call_tool(lists["openai"], call, scope="run-1", wait=30)
        other = await deed.call_tool(lists["openai"], call, scope="run-2", wait=30)
        assert good.content["action"] != other.content["action"], (good, other)
        wrong = openai_call("short", admin=True)
        check_results(call, good, await deed.call_tool(lists["openai"], wrong, scope="run-1"))
        for one, pointer in bad_calls():
            result = await deed.call_tool(lists["openai"], one, scope="run-1")
            check_bad_call(one, pointer, result)
        beside = openai_call("short", params={"user_id": user})
        check_params(await deed.call_tool(lists["openai"], beside, scope="run-1"))
        restore = ("idp.restore_access", {"user_id": user}, INTENT)
        told = await deed.explain(*restore, sources=SOURCES)
        assert told["decision"]["verdict"] == "ask", told
        parked = await deed.propose(*restore, sources=SOURCES)
        assert (await deed.cancel(parked.id)).status == "cancelled"
        ended = await deed.propose_and_wait(
            *restore, sources=SOURCES, on_waiting=approve, poll=0.2, timeout=60
        )
        assert ended.status == "verified", ended
        assert (await deed.status(ended.id)).ended
        assert ended.id in [one.id for one in await deed.list(status="verified")]
        assert (await deed.bundle(ended.id)).startswith(b"PK")
        try:
            await deed.propose("idp.read_user", {"user_id": "short"}, INTENT)
            raise AssertionError("it must be refused")
        except DeedError as error:
            check_refusal(error)


if __name__ == "__main__":
    check_tokens()
    check_polls()
    check_policies()
    asyncio.run(check_addresses())
    check_repetition()
    sync_journey(LOCKED_OUT[0])
    asyncio.run(async_journey(LOCKED_OUT[1]))
    print("done", flush=True)
