"""A small help desk, the upstream of docs/first-action.md: python3 tickets.py PORT"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Who may do what: reads need one of the two credentials, writes the second one.
READ, WRITE = "a-credential-for-reads", "a-credential-for-writes"

TICKETS = {
    number: {"id": number, "subject": subject, "status": "open", "closed_by": None, "views": 0}
    for number, subject in [(7, "The printer is jammed"), (8, "The door is stuck")]
}


class Desk(BaseHTTPRequestHandler):
    def do_GET(self):
        self.respond([READ, WRITE], lambda ticket: ticket.update(views=ticket["views"] + 1))

    def do_PATCH(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        self.respond([WRITE], lambda ticket: close(ticket, body.get("status")))

    def do_POST(self):
        self.respond([WRITE], lambda ticket: close(ticket, "closed"), suffix="/close")

    def respond(self, credentials, change, suffix=""):
        found = re.fullmatch(rf"/tickets/(\d+){suffix}", self.path)
        ticket = TICKETS.get(int(found[1])) if found else None
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in credentials:
            return self.send(401, {"error": "the credential does not allow this"})
        if ticket is None:
            return self.send(404, {"error": "there is no such ticket"})
        if change(ticket) is False:
            return self.send(422, {"error": "`status` must be `closed`"})
        self.send(200, ticket)

    def send(self, status, body):
        data = (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *values):
        """Nothing is logged."""


def close(ticket, status):
    if status != "closed":
        return False
    ticket.update(status="closed", closed_by="deed")


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Desk).serve_forever()
