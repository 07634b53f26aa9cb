"""Secrets that upstreams created (docs/formats.md, 12). No bundle has a value, so no commitment can be opened."""

import re

from basics import require
from exchanges import Exchange
from templates import Contract
from values import at, covers

TAKEN = {"name", "file", "commitment", "problem"}
COMMITMENT = re.compile("private:hmac-sha256:[0-9a-f]{64}")


def bound(contract: Contract, name: str, binding: dict) -> None:
    """A binding has a folder for each secret of its upstream, and for no other."""
    declared = {secret for rule in contract.perform if rule["upstream"] == name for secret in rule.get("secrets", {})}
    require(set(binding.get("vault", {})) == declared, f"the folders for secrets of `{name}` are not the contract's")


def check_secrets(contract: Contract, receipt: dict, sent: list[Exchange], reads: list[Exchange]) -> None:
    require(not any(one.secrets for one in reads), "a request that is no write has a secret")
    upstreams = (receipt.get("grant") or {}).get("upstreams", {})
    for one in sent:
        declared, names = one.request.get("secrets", {}), [secret["name"] for secret in one.secrets]
        vault = upstreams.get(one.request["upstream"], {}).get("vault", {})
        require(len(set(names)) == len(names) and set(names) <= set(declared), f"`{one.name()}` has another secret")
        may_have = one.is_2xx or one.data["fate"] == "no_answer"
        require(may_have or not names, f"`{one.name()}` has a secret without success")
        for secret in one.secrets:
            taken(secret, vault.get(secret["name"]), contract.action["id"])
        for name, pointer in declared.items():
            hidden(one, name, pointer)


def taken(secret: dict, folder: str | None, action: str) -> None:
    name, commitment = secret["name"], secret.get("commitment")
    require(set(secret) <= TAKEN, "a secret has other members")
    require(commitment is None or COMMITMENT.fullmatch(commitment), f"the commitment to `{name}` is none")
    if "file" not in secret:
        require("problem" in secret, f"the secret `{name}` has neither a file nor a reason")
        return
    require(secret["file"] == f"{folder}/{action}-{name}", f"the secret `{name}` is in another file")
    require(commitment is not None and "problem" not in secret, f"the stored secret `{name}` has no commitment")


def hidden(one: Exchange, name: str, pointer: str) -> None:
    """The answer has the fixed text in place of the secret, or nothing, and the place counts as redacted."""
    found = at(one.data.get("response"), pointer)
    if found is not None:
        is_redacted = any(covers(place, pointer) for place in one.redacted)
        require(is_redacted and found[0] == f"secret {name}", f"`{one.name()}` shows the secret `{name}`")
