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


def of_policies(decision: dict, text: str) -> None:
    """A decision that asks has the obligations of its determining policies, and no other decision has any."""
    own = annotated(text)
    named = [one for one in decision["determining"] if one in own and decision["verdict"] == "ask"]
    require(same(decision["obligations"], obligations(named, own)),
            "the obligations of the decision are not those of its policies in policies.cedar")


def obligations(policies: list[str], own: dict[str, str]) -> list[dict]:
    """The obligations of these policies, without duplicates and in their order. A confirmation has the count 1 (15.1)."""
    found = []
    for policy in set(policies):
        count, role = (1, CONFIRM) if own[policy] == CONFIRM else own[policy].removeprefix("approve:").split(":", 1)
        found.append({"policy": policy, "count": int(count), "role": role})
    return sorted(found, key=lambda one: (one["count"], one["role"], one["policy"]))


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
