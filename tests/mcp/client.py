"""The official Python client. See flow.py."""

import asyncio

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import REQUEST_TIMEOUT

import flow


def shown(result):
    links = [block.uri for block in result.content if block.type == "resource_link"]
    text = [block.text for block in result.content if block.type == "text"]
    return {
        "error": result.is_error,
        "structured": result.structured_content,
        "links": [str(link) for link in links],
        "text": "\n".join(text),
    }


def calls(client):
    async def call(tool, arguments, seconds):
        try:
            return shown(await client.call_tool(tool, arguments, read_timeout_seconds=seconds))
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise flow.Cut from error
            return {"refused": str(error)}

    return call


def reads(client):
    async def read(uri):
        result = await client.read_resource(uri)
        return result.contents[0].model_dump(mode="json", by_alias=True, exclude_none=True)

    return read


async def main():
    args = flow.given()
    mode = "legacy" if args.revision == "2025-11-25" else args.revision
    async with httpx2.AsyncClient(headers=flow.headers(), timeout=120) as http:
        transport = streamable_http_client(args.url, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            seen = {"client": "python", "revision": client.protocol_version, "tools": tools}
            await flow.flow(args, seen, calls(client), reads(client))


asyncio.run(main())
