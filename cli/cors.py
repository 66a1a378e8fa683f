"""What an HTTP API of API Gateway adds for browsers, by the CorsConfiguration of template.yaml.

As AWS documents it (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html): only
requests with an ``Origin`` get these headers, a preflight needs no route, and what a function says about CORS
itself is dropped. Where the documentation is silent: a preflight is answered 204 whatever its path, and an origin
that is not allowed gets the same answers without the headers, so that the browser refuses.
"""

from dataclasses import replace

from cli.events import Headers, Request, Response
from cli.template import Cors


def preflight(cors: Cors, request: Request) -> Response | None:
    """Answer a browser that asks what a page of another origin may send; None if that is not the question."""
    headers = dict(request.headers)
    if request.method != "OPTIONS" or not {"origin", "access-control-request-method"} <= headers.keys():
        return None
    allowed = _origin(cors, headers["origin"])
    if allowed:
        allowed += _lists(**{"allow-methods": cors.methods, "allow-headers": cors.headers})
        allowed += [] if cors.max_age is None else [("access-control-max-age", str(cors.max_age))]
    return Response(204, allowed, b"")


def admit(cors: Cors, request: Request, response: Response) -> Response:
    """Tell the browser whether a page of the request's origin may read this response."""
    own = [header for header in response.headers if not header[0].startswith("access-control-")]
    origin = dict(request.headers).get("origin")
    allowed = [] if origin is None else _origin(cors, origin)
    exposed = _lists(**{"expose-headers": cors.exposed}) if allowed else []
    return replace(response, headers=own + allowed + exposed)


def _origin(cors: Cors, origin: str) -> Headers:
    if "*" in cors.origins:
        return [("access-control-allow-origin", "*")]
    return (
        [("access-control-allow-origin", origin)] if any(_fits(origin, each) for each in cors.origins) else []
    )


def _fits(origin: str, allowed: str) -> bool:
    if allowed.endswith("://*"):
        return origin.startswith(allowed.removesuffix("*"))
    return origin == allowed


def _lists(**values: tuple[str, ...]) -> Headers:
    return [(f"access-control-{name}", ",".join(items)) for name, items in values.items() if items]
