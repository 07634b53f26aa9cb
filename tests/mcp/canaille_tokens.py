"""An authorization server (Canaille, in memory) from which the host under test gets tokens for an upstream.

Its clients are `deed-reader` with its secret by HTTP Basic authentication, `deed-writer` with its secret in the body,
each with one scope, and `deed-key` with a private key, which this program writes to `--key`. The client `directory` may
introspect every token. Canaille permits client credentials only by HTTP Basic authentication, so this program permits
its other methods too; Canaille itself checks them. Canaille checks assertions of the JWT bearer grant by its own key, so
no client can make one.

Prints the URL. The line `rotate` on its stdin makes another key, and it prints `rotated` when only that key is accepted.
It ends with its stdin.
"""

import argparse
import datetime
import json
import logging
import os
import sys
import threading

from authlib.oauth2.rfc6749 import ClientCredentialsGrant
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

parser = argparse.ArgumentParser()
parser.add_argument("--secret", required=True)
parser.add_argument("--key", required=True)
parser.add_argument("--audience", required=True)
parser.add_argument("--ttl", type=int, default=300)
given = parser.parse_args()

READ, WRITE = "users:read", "users:write"
ClientCredentialsGrant.TOKEN_ENDPOINT_AUTH_METHODS = [
    "client_secret_basic",
    "client_secret_post",
    "client_assertion_jwt",
]


def client(name, scopes, method, audience=(), jwks=None):
    made = models.Client(
        client_id=name,
        client_name=name,
        client_secret=given.secret,
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
        redirect_uris=["http://127.0.0.1/"],
        grant_types=["client_credentials"],
        response_types=[],
        scope=scopes,
        token_endpoint_auth_method=method,
        audience=list(audience),
        jwks=jwks,
    )
    Backend.instance.save(made)
    return made


def new_key():
    """Makes a key, writes its private part in one step, as an operator does it, and returns its public part."""
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, private=True)
    with open(os.open(f"{given.key}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.as_pem(private=True))
    os.rename(f"{given.key}.new", given.key)
    return json.dumps({"keys": [key.as_dict(private=False)]})


logging.disable(logging.WARNING)
server = make_server("127.0.0.1", 0, lambda environ, start: [], threaded=True)
host = f"127.0.0.1:{server.server_port}"
app = create_app({
    "SECRET_KEY": "secret-key-of-the-test-issuer",
    "SERVER_NAME": host,
    "PREFERRED_URL_SCHEME": "http",
    "OAUTH2_TOKEN_EXPIRES_IN": {"client_credentials": given.ttl},
    "CANAILLE": {"DATABASE": "memory"},
    "CANAILLE_OIDC": {},
})
with app.app_context():
    audience = [client(name, [READ], "client_secret_basic") for name in [given.audience, "directory"]]
    client("deed-reader", [READ], "client_secret_basic", audience)
    client("deed-writer", [WRITE], "client_secret_post", audience)
    by_key = client("deed-key", [READ, WRITE], "private_key_jwt", audience, new_key())
server.app = app
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://{host}", flush=True)
for line in sys.stdin:
    if line.strip() == "rotate":
        with app.app_context():
            by_key.jwks = new_key()
            Backend.instance.save(by_key)
        print("rotated", flush=True)
