"""The adapter `@NAME@`.

It sends requests with `urllib.request`, to the short names of upstreams. It has no credential and no other network: the
host sends what the contract allows, and judges the action by what it reads itself.
"""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import wit_world

import wasi_urllib  # noqa: F401, `urlopen` then sends through the host
from deed import guarded, invalid

# The name of the action in the contract.
CONTRACT = "desk.close_ticket"


def requests(action):
    """The requests of this run, if the contract is one that the adapter serves."""
    if action.contract != CONTRACT:
        raise invalid(f"contract `{action.contract}` is not served by this adapter")
    return action.requests


def opened(one):
    """Sends one of `action.requests`. Returns its answer if the status is 2xx; raises an exception otherwise."""
    data = None if one.body is None else one.body.encode()
    headers = {"content-type": "application/json"}
    return urlopen(Request(f"http://{one.upstream}{one.path}", data, headers, method=one.method))


class WitWorld(wit_world.WitWorld):
    @guarded
    def observe(self, action):
        """Runs before and after the change, and cannot write.

        The contract says with `from` in which answer the state is, so it is enough to send the requests.
        """
        for request in requests(action):
            try:
                opened(request)
            except HTTPError:
                pass  # The host judges each status, by the rules of the contract.

    @guarded
    def perform(self, action):
        """Runs once per attempt. The host has rendered the requests from the contract and the parameters."""
        for request in requests(action):
            opened(request)
