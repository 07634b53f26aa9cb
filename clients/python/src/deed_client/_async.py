"""The asynchronous client; it has the same methods as the synchronous one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from . import _tools, _wire
from ._errors import DeedError, WaitTimeout
from ._models import Action, ActionSummary, Source, ToolFormat, ToolList, ToolResult


class AsyncDeed:
    """A client with the token of one agent.

    Every method raises `DeedError` if the host refuses the request, and `httpx.TransportError` if the host cannot be
    reached.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**_wire.settings(url, token, timeout), transport=transport)

    async def __aenter__(self) -> AsyncDeed:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def propose(
        self,
        contract: str,
        params: Mapping[str, Any],
        intent: str,
        *,
        sources: Sequence[Source] = (),
        expect: Mapping[str, Any] | None = None,
        reasoning: str | None = None,
        on_behalf_of: str | None = None,
        environment: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
        wait: int | None = None,
    ) -> Action:
        """Proposes an action, and returns when it has ended, waits for people, or `wait` seconds have passed.

        Without a key, each call is a new action; the same call is sent again only if the connection fails. A dry run
        sends no write and ends `rehearsed`; `plan` has its writes.

        Raises:
            ValueError: The key is not 1 to 128 visible ASCII characters.
        """
        body = _wire.proposal(
            contract, params, intent, sources, expect, reasoning, on_behalf_of, environment, dry_run
        )
        return await self._propose(body, idempotency_key, wait)

    async def propose_and_wait(
        self,
        contract: str,
        params: Mapping[str, Any],
        intent: str,
        *,
        timeout: float | None = None,
        on_waiting: Callable[[Action], None] | None = None,
        poll: float = _wire.POLL_S,
        **more: Any,
    ) -> Action:
        """Proposes an action and waits for its end, as `propose` and `wait` do.

        While people must approve, asks every `poll` seconds, 5 by default.
        """
        action = await self.propose(contract, params, intent, **more)
        return await self.wait(action, timeout=timeout, on_waiting=on_waiting, poll=poll)

    async def wait(
        self,
        action: Action | str,
        *,
        timeout: float | None = None,
        on_waiting: Callable[[Action], None] | None = None,
        poll: float = _wire.POLL_S,
    ) -> Action:
        """Waits until the action has ended. While people must approve, asks every `poll` seconds, 5 by default.

        `on_waiting` is called once when people must approve; the `approve_url` of the action is a page for them.

        Raises:
            WaitTimeout: The action had not ended after `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        view = await self.status(action) if isinstance(action, str) else action
        told = False
        while not view.ended:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(view)
            if view.waiting:
                if on_waiting is not None and not told:
                    on_waiting(view)
                told = True
                await asyncio.sleep(poll if left is None else min(poll, left))
            view = await self.status(view.id, wait=_wire.next_wait(left))
        return view

    async def status(self, action: str, *, wait: int | None = None) -> Action:
        """The present view of an action."""
        return Action.of((await self._send(_wire.status(action, wait))).json())

    async def list(
        self,
        *,
        status: str | None = None,
        resource: str | None = None,
        trace: str | None = None,
        limit: int | None = None,
    ) -> list[ActionSummary]:
        """The agent's actions, the newest first."""
        request = _wire.listing(status=status, resource=resource, trace=trace, limit=limit)
        answer = (await self._send(request)).json()
        return [ActionSummary.of(one) for one in answer["actions"]]

    async def cancel(self, action: str) -> Action:
        """Cancels an action that has not sent anything."""
        return Action.of((await self._send(_wire.cancel(action))).json())

    async def explain(
        self, contract: str, params: Mapping[str, Any], intent: str, **more: Any
    ) -> dict[str, Any]:
        """What a proposal would result in. Nothing is recorded or sent."""
        body = _wire.proposal(contract, params, intent, **more)
        request = _wire.Request("POST", "/v1/explain", body=body)
        answer: dict[str, Any] = (await self._send(request)).json()
        return answer

    async def bundle(self, action: str) -> bytes:
        """The agent's copy of the signed evidence of an ended action."""
        request = _wire.Request("GET", _wire.path(action) + "/bundle")
        return (await self._send(request)).content

    async def tools(self, format: ToolFormat) -> ToolList:
        """The contracts as tool definitions."""
        request = _wire.Request("GET", "/v1/tools", params={"format": format})
        answer = (await self._send(request)).json()
        return ToolList(answer["tools"], answer["contracts"])

    async def call_tool(
        self, tools: ToolList, call: Any, *, scope: str | None = None, wait: int | None = None
    ) -> ToolResult:
        """Carries out the tool call of a model. A refusal is a result too, so that the model can correct the call.

        `scope` is the id of the conversation or run. It is required unless the arguments have an `idempotency_key`:
        the key of the action is then a digest of the scope, the id of the call, the name and the arguments. The id
        alone would not do, because many servers number the calls of each conversation.

        Raises:
            TypeError: There is neither a scope nor an idempotency key.
        """
        given: dict[str, Any] = {}
        try:
            one = _tools.named(call)
            given = _tools.parse(one.arguments)
            body, key = _tools.split(tools, one, given, scope)
            return _tools.of_action(await self._propose(body, key, wait))
        except (DeedError, _tools.CallError) as error:
            return _tools.of_error(error, given)

    async def _propose(self, body: dict[str, Any], key: str | None, wait: int | None) -> Action:
        return Action.of((await self._send(_wire.propose(body, key, wait))).json())

    async def _send(self, request: _wire.Request) -> httpx.Response:
        for pause in request.pauses():
            try:
                return _wire.checked(await self._http.request(**request.arguments()))
            except _wire.NEVER_AGAIN:
                raise
            except httpx.TransportError:
                await asyncio.sleep(pause)
        return _wire.checked(await self._http.request(**request.arguments()))
