"""What an HTTP API of API Gateway adds for browsers, by the CorsConfiguration of template.yaml.

AWS documents (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html) that only
requests with an ``Origin`` get these headers, that a preflight needs no route, and that what a function says
about CORS itself is dropped. Where that page is silent, this holds: a preflight without a route is answered
204 whatever its path, and an origin that is not allowed gets the same answers without the headers, so that
the browser refuses them to the page.
"""

from dataclasses import replace

from cli.events import Headers, Request, Response
from cli.template import Cors


def preflight(cors: Cors, request: Request) -> Response | None:
    """Answer a browser that asks what a page of another origin may send; None for any other request."""
    headers = dict(request.headers)
    asks = request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= headers.keys()
    if not (asks and cors.origins):
        return None
    allowed = _origin(cors, headers["origin"])
    if allowed:
        allowed += _list("access-control-allow-methods", cors.methods)
        allowed += _list("access-control-allow-headers", cors.headers)
        allowed += [] if cors.max_age is None else [("access-control-max-age", str(cors.max_age))]
    return Response(204, allowed, b"")


def admit(cors: Cors, request: Request, response: Response) -> Response:
    """Tell a browser whether a page of the request's origin may read this response."""
    if not cors.origins:
        return response
    headers = [header for header in response.headers if not header[0].startswith("access-control-")]
    origin = dict(request.headers).get("origin")
    allowed = [] if origin is None else _origin(cors, origin)
    if allowed:
        allowed += _list("access-control-expose-headers", cors.exposed)
    return replace(response, headers=headers + allowed)


def _origin(cors: Cors, origin: str) -> Headers:
    if "*" in cors.origins:
        return [("access-control-allow-origin", "*")]
    fits = any(_fits(origin, allowed) for allowed in cors.origins)
    return [("access-control-allow-origin", origin)] if fits else []


def _fits(origin: str, allowed: str) -> bool:
    if allowed.endswith("://*"):
        return origin.startswith(allowed.removesuffix("*"))
    return origin == allowed


def _list(name: str, values: tuple[str, ...]) -> Headers:
    return [(name, ",".join(values))] if values else []
