"""LangChain's adapter for MCP. See flow.py. The adapter speaks the revision 2025-11-25."""

import asyncio
from uuid import uuid4

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

import flow


def shown(message):
    blocks = message.content if isinstance(message.content, list) else []
    links = [block["url"] for block in blocks if block.get("type") == "file" and "url" in block]
    text = [block["text"] for block in blocks if block.get("type") == "text"]
    artifact = message.artifact or {}
    return {
        "error": message.status == "error",
        "structured": artifact.get("structured_content"),
        "links": links,
        "text": "\n".join(text) if blocks else str(message.content),
    }


def calls(tools):
    async def call(name, arguments, seconds):
        # A model's tool call, so that the adapter answers with a message and not with its content alone.
        asked = {"name": name, "args": arguments, "id": uuid4().hex, "type": "tool_call"}
        try:
            return shown(await asyncio.wait_for(tools[name].ainvoke(asked), seconds))
        except TimeoutError as error:
            raise flow.Cut from error

    return call


def reads(session):
    async def read(uri):
        result = await session.read_resource(uri)
        return result.contents[0].model_dump(mode="json", by_alias=True, exclude_none=True)

    return read


async def main():
    args = flow.given()
    server = {"transport": "streamable_http", "url": args.url, "headers": flow.headers()}
    client = MultiServerMCPClient({"deed": server})
    async with client.session("deed") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        seen = {"client": "langchain", "revision": "2025-11-25", "tools": list(tools)}
        await flow.flow(args, seen, calls(tools), reads(session))


asyncio.run(main())
