"""An authorization server (Canaille, in memory) whose clients get opaque access tokens with their credentials alone.

Canaille writes the clients for which a token is into its `aud`. One of these clients has the URL of the host as its id,
and another is the one as which the host introspects tokens. Prints the URL, and ends with its stdin.
"""

import argparse
import datetime
import logging
import sys
import threading

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import make_server

parser = argparse.ArgumentParser()
parser.add_argument("--audience", required=True)
parser.add_argument("--scope", required=True)
parser.add_argument("--secret", required=True)
given = parser.parse_args()


def client(name, audience=()):
    now = datetime.datetime.now(datetime.timezone.utc)
    made = models.Client(
        client_id=name,
        client_name=name,
        client_secret=given.secret,
        client_id_issued_at=now,
        redirect_uris=["http://127.0.0.1/"],
        grant_types=["client_credentials"],
        response_types=[],
        scope=[given.scope],
        token_endpoint_auth_method="client_secret_basic",
        audience=list(audience),
    )
    Backend.instance.save(made)
    return made


logging.disable(logging.WARNING)
server = make_server("127.0.0.1", 0, lambda environ, start: [], threaded=True)
host = f"127.0.0.1:{server.server_port}"
app = create_app({
    "SECRET_KEY": "secret-key-of-the-test-issuer",
    "SERVER_NAME": host,
    "PREFERRED_URL_SCHEME": "http",
    "CANAILLE": {"DATABASE": "memory"},
    "CANAILLE_OIDC": {},
})
with app.app_context():
    audience = [client(given.audience), client("deed")]
    for name in ["helpdesk-bot", "someone"]:
        client(name, audience)
server.app = app
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://{host}", flush=True)
sys.stdin.read()
