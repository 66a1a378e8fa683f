"""curl, as far as the pages use it: the handlers answer, found as API Gateway finds them."""

import shlex
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from cli.events import Request, event_of
from cli.routes import Routes
from cli.template import functions
from tests.world import Context

_ROUTES: Final = Routes(functions())


def curl(line: str) -> str:
    """Return what a line prints: the body of the answer."""
    words = shlex.split(line, comments=True)
    assert words[0] == "curl", line
    method, url, headers, body = "GET", "", [], b""
    given = iter(words[1:])
    for word in given:
        match word:
            case "-X":
                method = next(given)
            case "-H":
                name, _, value = next(given).partition(": ")
                headers.append((name.lower(), value))
            case "-d":
                body = next(given).encode()
            case "-sS":
                pass
            case _:
                assert not word.startswith("-"), f"curl {word} is not known here"
                url = word
    parts = urlsplit(url)
    match = _ROUTES.match(method, parts.path)
    assert match is not None, f"no function answers {method} {parts.path}"
    event = event_of(Request(method, parts.path, parts.query, headers, body, "127.0.0.1"), match)
    reply: Any = import_module(match.function.module).handler(event, Context())
    return str(reply["body"])
