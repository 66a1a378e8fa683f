"""Which function answers a request, decided as API Gateway decides it for an HTTP API."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from cli.template import Function


@dataclass(frozen=True, slots=True)
class Match:
    """The function that answers, the route it was found by and the values of the path's variables."""

    function: Function
    route_key: str
    path_parameters: dict[str, str]


class Routes:
    """The routes of all functions. An exact segment goes before a variable, a method before ``ANY``."""

    def __init__(self, functions: Iterable[Function]) -> None:
        routes = (
            _Route(method, path, function) for function in functions for method, path in function.routes
        )
        self._routes = sorted(routes, key=_Route.precedence)

    def match(self, method: str, raw_path: str) -> Match | None:
        """Find the route of a method and a path as the client sent it, still percent-encoded."""
        segments = raw_path.split("/")
        for route in self._routes:
            if route.method in (method, "ANY") and (values := route.values(segments)) is not None:
                return Match(route.function, f"{route.method} {route.path}", values)
        return None


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: str
    function: Function

    def precedence(self) -> tuple[list[bool], bool]:
        return [_is_variable(segment) for segment in self.path.split("/")], self.method == "ANY"

    def values(self, segments: list[str]) -> dict[str, str] | None:
        """Return the variables' values where the segments fit, else None."""
        wanted = self.path.split("/")
        if len(wanted) != len(segments):
            return None
        values = {}
        for name, segment in zip(wanted, segments, strict=True):
            if _is_variable(name) and segment:
                values[name[1:-1]] = decode(segment)
            elif name != unquote(segment):
                return None
        return values


def _is_variable(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}")


def decode(text: str) -> str:
    """Decode a path or a segment of one; like API Gateway, take what follows a decoded ``?`` for a query."""
    return unquote(text).partition("?")[0]
