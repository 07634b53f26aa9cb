"""The obligations of decisions and the policies that they name (docs/formats.md, 5.8 and 15.1).

Policies are split into tokens and not evaluated. Of Cedar, only the annotations of policies are read.
"""

import re

from basics import require
from values import same

CONFIRM = "confirm"  # in the place of a role (15.1)
TOKEN = re.compile(r'//[^\r\n]*|"(?:[^"\\]|\\.)*"|\s+|\w+|.', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f_]+)\}|x([0-9A-Fa-f]{2})|\n\s*|(.))", re.DOTALL)
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def confirmations(decision: dict) -> None:
    """An obligation to confirm has the count 1 (15.1)."""
    for one in decision["obligations"]:
        if one["role"] == CONFIRM:
            require(same(one["count"], 1), "an obligation to confirm has another count than 1")


def of_policies(decision: dict, text: str) -> None:
    """Each obligation is the one in the annotation of its policy."""
    confirmations(decision)
    own = annotated(text)
    for one in decision["obligations"]:
        said = CONFIRM if one["role"] == CONFIRM else f"approve:{one['count']}:{one['role']}"
        require(own.get(one["policy"]) == said, f"policies.cedar has another obligation of `{one['policy']}`")


def annotated(text: str) -> dict[str, str]:
    """The `@obligation` of each policy that has one, by its `@id`."""
    words = [one for one in TOKEN.findall(text) if not (one.isspace() or one.startswith("//"))]
    found, policy = {}, []
    for word in words:
        policy.append(word)
        if word == ";":
            names = annotations(policy)
            if "obligation" in names:
                found[names["id"]] = names["obligation"]
            policy = []
    return found


def annotations(words: list[str]) -> dict[str, str]:
    """The annotations at the beginning of a policy; one without a value has an empty text."""
    found, at = {}, 0
    while words[at] == "@":
        has_value = words[at + 2] == "("
        found[words[at + 1]] = unescaped(words[at + 3][1:-1]) if has_value else ""
        at += 5 if has_value else 2
    return found


def unescaped(text: str) -> str:
    def one(found: re.Match) -> str:
        code, short, plain = found.groups()
        if code or short:
            return chr(int((code or short).replace("_", ""), 16))
        return ESCAPED.get(plain, plain) if plain else ""

    return ESCAPE.sub(one, text)
