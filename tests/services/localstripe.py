"""Starts localstripe on 127.0.0.1 at the port in the first argument, with its objects in memory only.

The program `localstripe` listens on all interfaces, and writes its objects to a fixed file in /tmp. Start this file
with `python -I`, because otherwise Python finds this file instead of the package of the same name.
"""

import sys

from aiohttp import web
from localstripe import resources, server

resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
