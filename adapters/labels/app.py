"""The adapter `labels`: labels of records in a Kinto collection.

A PATCH replaces the list of labels as a whole, so the adapter reads the record with `urllib.request` and computes the
new list.
"""

import json
import uuid
from datetime import datetime, timezone
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import wit_world

import wasi_urllib  # noqa: F401, `urlopen` then sends through the host
from deed import guarded, invalid


def requests(action, method):
    """The requests of this run with this method, if the contract is one that the adapter serves."""
    if action.contract != "kinto.label_record":
        raise invalid(f"contract `{action.contract}` is not served by this adapter")
    return [one for one in action.requests if one.method == method]


def opened(one, content=None):
    """Sends a request of the host. Returns its answer if the status is 2xx; raises an exception otherwise."""
    data = None if content is None else json.dumps(content).encode()
    headers = {"content-type": "application/json"}
    return urlopen(Request(f"http://{one.upstream}{one.path}", data, headers, method=one.method))


def labelled(labels, name):
    """The labels with another one, which has an id and a time of its own. A label is added once."""
    if any(label["name"] == name for label in labels):
        return labels
    added = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return [*labels, {"name": name, "id": str(uuid.uuid4()), "added": added}]


class WitWorld(wit_world.WitWorld):
    @guarded
    def observe(self, action):
        for request in requests(action, "GET"):
            try:
                opened(request)
            except HTTPError:
                pass  # The host judges each status, by the rules of the contract.

    @guarded
    def perform(self, action):
        [read], [write] = requests(action, "GET"), requests(action, "PATCH")
        with opened(read) as answer:
            record = json.load(answer)["data"]
        before = record.get("labels", [])
        after = labelled(before, action.params["label"])
        print(f"{len(before)} labels before, {len(after)} after")
        # What the host rendered, with `{ any = … }` filled in.
        content = json.loads(write.body)
        content["data"]["labels"] = after
        opened(write, content)
