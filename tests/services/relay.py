"""aiosmtpd as a relay that requires STARTTLS and a login.

Arguments: port, certificate, private key, password of the user `deed`. Prints each message as one line of JSON.
"""

import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, certificate, key, password = sys.argv[1:]


class Printer:
    async def handle_DATA(self, server, session, envelope):
        content = envelope.content.decode()
        letter = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": content}
        print(json.dumps(letter | {"tls": session.ssl is not None}), flush=True)
        return "250 taken"


def check(server, session, envelope, mechanism, data):
    is_known = (data.login, data.password) == (b"deed", password.encode())
    return AuthResult(success=is_known, handled=False)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
controller = Controller(
    Printer(),
    hostname="127.0.0.1",
    port=int(port),
    tls_context=context,
    require_starttls=True,
    authenticator=check,
    auth_required=True,
)
controller.start()
print("ready", flush=True)
threading.Event().wait()
