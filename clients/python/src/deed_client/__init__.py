"""Client of the deed HTTP API for agents."""

from ._async import AsyncDeed
from ._errors import DeedError, Fault, WaitTimeout
from ._models import Action, ActionSummary, PlannedRequest, Source, ToolFormat, ToolList, ToolResult
from ._sync import Deed
from ._tools import anthropic_result, langchain_result, openai_response_output, openai_result
from ._verify import Verdict, Verification, Verifier, VerifierError
from ._webhooks import WebhookError, verify_webhook

__all__ = [
    "Action",
    "ActionSummary",
    "AsyncDeed",
    "Deed",
    "DeedError",
    "Fault",
    "PlannedRequest",
    "Source",
    "ToolFormat",
    "ToolList",
    "ToolResult",
    "Verdict",
    "Verification",
    "Verifier",
    "VerifierError",
    "WaitTimeout",
    "WebhookError",
    "anthropic_result",
    "langchain_result",
    "openai_response_output",
    "openai_result",
    "verify_webhook",
]
