"""Prints what independent parsers find in rendered requests.

Reads one JSON object per line, with `target` and `path`, and prints one JSON value per line: what the request means, or
`{"error": ...}`. The parsers are those of scim2-models for filters and paths (RFC 7644, sections 3.4.2.2 and 3.5.2),
of Python's standard library for URLs, and a grammar for the key of an entity (OData 4.01 ABNF, `keyPredicate`).
"""

import json
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

from lark import Lark
from scim2_models.path import Comparison, ValuePath, grammar

ENTITY = Lark(r"""
start: NAME "(" STRING ")"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
STRING: /'(?:[^']|'')*'/
""")


def comparison(node):
    """The parts of a filter that is a single comparison."""
    if not isinstance(node, Comparison):
        raise ValueError(f"{node} is not a single comparison")
    return [str(node.attr_path), str(node.op), node.value]


def entity(segment):
    """The name and the key of an entity."""
    name, key = ENTITY.parse(segment).children
    return [str(name), str(key)[1:-1].replace("''", "'")]


def method(segment):
    """The resource and the custom method behind the last colon (AIP-136)."""
    resource, _, name = segment.rpartition(":")
    return [resource, name]


def meaning(request):
    """What the path and the query of a request mean, and a SCIM path in its body."""
    url = urlsplit(request["target"])
    segments = [unquote(one, errors="strict") for one in url.path.split("/")[1:]]
    if url.fragment or url.netloc or any(one in ("", ".", "..") for one in segments):
        raise ValueError(f"{url} is not a plain path")
    found = {"segments": len(segments)}
    if url.query:
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True, errors="strict")
        found["pairs"] = [name for name, _ in pairs]
        found["filter"] = comparison(grammar._parse_filter(dict(pairs)["filter"]))
    elif "(" in segments[-1]:
        found["entity"] = entity(segments[-1])
    else:
        found["method"] = method(segments[-1])
    if request["path"] is not None:
        node = grammar._parse_path(request["path"])
        if not isinstance(node, ValuePath) or node.sub_attr is not None:
            raise ValueError(f"{node} is not a path with a filter")
        found["path"] = [str(node.attr_path), *comparison(node.val_filter)]
    return found


for line in sys.stdin:
    try:
        answer = meaning(json.loads(line))
    except Exception as error:  # Whatever a parser raises, the request has another meaning than the intended one.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
