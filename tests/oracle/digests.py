"""Every part of a bundle has a signed digest (docs/formats.md, 9.9)."""

import hashlib

import rfc8785

from basics import require
from container import Bundle


def digests(opened: Bundle, receipt: dict, settled: dict | None, action: dict) -> str:
    """Checks that every part of the bundle has a signed digest, and that the bundle has no other parts."""
    parts = opened.parts
    def of(text: bytes) -> str:
        return "sha256:" + hashlib.sha256(text).hexdigest()

    question = receipt.get("question") or {}
    wanted = {
        "policy/entities.json": question.get("entities_sha256"),
        "policy/request.json": question.get("request_sha256"),
        "evidence/pre.json": (receipt.get("pre") or {}).get("evidence_sha256"),
        "evidence/post.json": (receipt.get("post") or {}).get("evidence_sha256"),
        "evidence/later.json": ((settled or {}).get("look") or {}).get("evidence_sha256"),
        "evidence/rehearsal.json": (receipt.get("rehearsal") or {}).get("evidence_sha256"),
        "evidence/exchanges.json": receipt["exchanges_sha256"],
    }
    is_copy = "evidence/exchanges.json" not in parts
    if is_copy and question.get("about_state"):
        require("policy/request.json" not in parts, "a copy has a question about the state that it leaves out")
        wanted["policy/request.json"] = None
    for name, digest in wanted.items():
        if name in parts:
            require(not is_copy or not name.startswith("evidence/"), f"{name} is present without the exchanges")
            require(of(parts[name]) == digest, f"{name} is not what was signed")
        else:
            require(digest is None or is_copy and name.startswith("evidence/"), f"{name} is missing")
    require(of(opened.part("contract.json")) == action["contract"]["digest"], "another contract")
    granted = receipt.get("grant")
    require((granted is None) == ("grant.json" not in parts), "a grant without a receipt's, or the reverse")
    if granted is not None:
        require(rfc8785.dumps(granted) == parts["grant.json"], "grant.json is not that of the receipt")
        binding = {name: of(rfc8785.dumps(one)) for name, one in granted["upstreams"].items()}
        fits = (granted["contract"], granted["adapter"], binding)
        require(fits == (action["contract"]["digest"], action["adapter"], action["binding"]), "another grant")
    decided = receipt.get("decision")
    policy = {"policies": "policy/policies.cedar", "schema": "policy/schema.cedarschema"}
    require(all((decided is None) != (name in parts) for name in policy.values()), "policies without a decision")
    if decided is not None:
        texts = {name: parts[part].decode() for name, part in policy.items()}
        require(of(rfc8785.dumps(texts)) == decided["policy_set"], "other policies than those that decided")
    return "every part is what was signed"
