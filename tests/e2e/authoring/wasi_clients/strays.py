"""For the tests, in place of the adapter of the template, which is `own.py`.

For ticket 7, it first sends requests that the contract does not allow; for ticket 8, it fails.
"""

import json
import sys
from urllib.error import URLError
from urllib.request import Request, urlopen

import own
from deed import guarded

OTHERS = [
    Request("http://169.254.169.254/latest/meta-data"),
    Request("http://desk/tickets/7/history"),
    Request("http://desk/tickets/7", method="DELETE"),
    Request("http://desk/tickets/7", b'{"status":"gone"}', method="PATCH"),
    Request("http://desk/tickets/7", b'{"status":"closed"}', {"authorization": "Bearer own"}, method="PATCH"),
]


def stray():
    for request in OTHERS:
        try:
            with urlopen(request) as answer:
                print(f"answered {answer.status}: {request.full_url}")
        except URLError as error:
            print(f"refused as {type(error).__name__}")
    print("the end of standard error", file=sys.stderr)


class WitWorld(own.WitWorld):
    def perform(self, action):
        ticket = json.loads(action.params)["ticket"]
        if ticket == 7:
            stray()
        if ticket == 8:
            self.fail(action)
        super().perform(action)

    @guarded
    def fail(self, action):
        nothing = None
        return nothing.status
