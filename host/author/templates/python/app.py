"""The adapter `@NAME@`.

It has no credential, host name or clock: it asks the host to send the requests that the contract allows, and the host
judges the action by what it reads itself.
"""

import wit_world

from deed import exchange, guarded, invalid, send

# The name of the action in the contract.
CONTRACT = "desk.close_ticket"


def requests(action):
    """The requests of this run, if the contract is one that the adapter serves."""
    if action.contract != CONTRACT:
        raise invalid(f"contract `{action.contract}` is not served by this adapter")
    return action.requests


class WitWorld(wit_world.WitWorld):
    @guarded
    def observe(self, action):
        """Runs before and after the change, and cannot write.

        The contract says with `from` in which answer the state is, so it is enough to send the requests.
        """
        for request in requests(action):
            exchange(request)

    @guarded
    def perform(self, action):
        """Runs once per attempt. The host has rendered the requests from the contract and the parameters."""
        for request in requests(action):
            send(request)
