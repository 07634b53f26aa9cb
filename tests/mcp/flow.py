"""The course of one action as a client of MCP sees it. client.py and langchain_client.py supply the client.

Arguments: --url, --revision, --tool, --arguments (JSON), and
  --cut MS            stop waiting for the first call after this time, then call again
  --again             call again in any case
  --change NAME=VALUE call again with another value of this argument
  --no-poll           do not ask for the status
  --read NAME         read the resource of this name beside the first resource link of the last result
  --patience S        stop asking for the status after this time

The token comes from the variable DEED_TOKEN. The output is one line of JSON: `client`, `revision`, `tools` (names),
`first`, `again`, `last` (results), `polls` (a number) and `read` (the content of the resource). A result is
`{error, structured, links, text}`, or `{cut: true}` after a timeout, or `{refused: TEXT}` for an error of the protocol.
"""

import argparse
import asyncio
import json
import os
import time

OPEN = ("pending", "running", "waiting")


class Cut(Exception):
    """The client stopped waiting for an answer."""


def given():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--revision", default="2026-07-28")
    parser.add_argument("--tool", required=True)
    parser.add_argument("--arguments", type=json.loads, default={})
    parser.add_argument("--cut", type=int)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--change")
    parser.add_argument("--no-poll", action="store_true")
    parser.add_argument("--read")
    parser.add_argument("--patience", type=float, default=90)
    return parser.parse_args()


def headers():
    return {"Authorization": f"Bearer {os.environ.get('DEED_TOKEN', '')}"}


def changed(arguments, change):
    if change is None:
        return arguments
    name, _, value = change.partition("=")
    return {**arguments, name: value}


async def ask(call, tool, arguments, seconds=None):
    try:
        return await call(tool, arguments, seconds)
    except Cut:
        return {"cut": True}


async def polled(call, first, patience):
    end = time.monotonic() + patience
    last, polls = first, 0
    while (last.get("structured") or {}).get("status") in OPEN and time.monotonic() < end:
        seen = last["structured"]
        await asyncio.sleep(min(seen.get("poll_after_ms", 500), 1000) / 1000)
        last = await ask(call, "deed_status", {"action": seen["action"], "wait_s": 1})
        polls += 1
    return last, polls


async def flow(args, seen, call, read):
    """Completes `seen`. `call(tool, arguments, seconds)` returns a result, and `read(uri)` the content of a resource."""
    seconds = None if args.cut is None else args.cut / 1000
    seen["first"] = await ask(call, args.tool, args.arguments, seconds)
    if args.cut is not None or args.again or args.change:
        seen["again"] = await ask(call, args.tool, changed(args.arguments, args.change))
    if not args.no_poll:
        present = seen.get("again", seen["first"])
        seen["last"], seen["polls"] = await polled(call, present, args.patience)
    links = seen.get("last", seen.get("again", seen["first"])).get("links")
    if args.read and links:
        seen["read"] = await read(f"{links[0].rpartition('/')[0]}/{args.read}")
    print(json.dumps(seen))
