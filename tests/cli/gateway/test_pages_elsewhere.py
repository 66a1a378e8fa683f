"""What a page of another origin may ask and read (CORS)."""

import pytest

from cli.events import Response
from cli.gateway import BODY_LIMIT, Gateway
from cli.template import Cors
from tests.cli.gateway.running import NOT_FOUND, TOO_LARGE, World, ask

PAGE = "https://page.example"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}

BROWSERS = Cors(
    ("*",), ("GET", "POST", "DELETE", "OPTIONS"), ("content-type", "x-a"), ("x-request-id", "x-b"), 60
)

MAY_READ = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "x-request-id,x-b")]


def test_a_preflight_is_answered_on_every_path_and_calls_no_function(world: World) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        paths = ("/missing", "/missing/7", "/elsewhere")  # the function of this name would fail
        return [await ask(gateway, "OPTIONS", path, headers=PREFLIGHT) for path in paths]

    allowed = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET,POST,DELETE,OPTIONS"),
        ("access-control-allow-headers", "content-type,x-a"),
        ("access-control-max-age", "60"),
    ]
    assert world.run_gateway("missing", scenario, BROWSERS) == [Response(204, allowed, b"")] * 3


def test_a_route_that_takes_options_gets_preflights_too(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "OPTIONS", "/refusing/any/7", headers=PREFLIGHT)

    response = world.run_gateway("refusing", scenario, BROWSERS)
    assert (response.status, dict(response.headers)["x-method"]) == (403, "OPTIONS")


@pytest.mark.parametrize("lacking", PREFLIGHT)
def test_options_without_an_origin_or_a_method_asked_for_is_no_preflight(lacking: str, world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        headers = {name: value for name, value in PREFLIGHT.items() if name != lacking}
        return await ask(gateway, "OPTIONS", "/echo", headers=headers)

    response = world.run_gateway("echo", scenario, BROWSERS)
    assert (response.status, response.body) == NOT_FOUND


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("echo", "/echo", 200),
        ("refusing", "/refusing", 403),
        ("malformed", "/malformed", 500),
        ("echo", "/elsewhere", 404),
    ],
)
def test_a_page_may_read_every_response_whatever_its_status(
    name: str, path: str, status: int, world: World
) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "POST", path, headers={"Origin": PAGE})

    response = world.run_gateway(name, scenario, BROWSERS)
    cors = [header for header in response.headers if header[0].startswith("access-control-")]
    assert (response.status, cors) == (status, MAY_READ)


def test_a_page_may_read_that_its_request_was_too_large(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "POST", "/echo", b"x" * (BODY_LIMIT + 1), {"Origin": PAGE})

    response = world.run_gateway("echo", scenario, BROWSERS)
    assert (response.status, response.body) == TOO_LARGE
    assert [header for header in response.headers if header in MAY_READ] == MAY_READ


def test_without_an_origin_nothing_changes_but_what_the_function_says_of_cors_is_dropped(
    world: World,
) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        asked = (("POST", "/refusing"), ("POST", "/elsewhere"), ("OPTIONS", "/refusing"), ("GET", "/health"))
        return [await ask(gateway, method, path) for method, path in asked]

    without, *others_without = world.run_gateway("refusing", scenario)
    dropped, *others = world.run_gateway("refusing", scenario, BROWSERS)
    assert others == others_without
    assert without.headers[0] == ("access-control-allow-origin", "https://function.example")
    assert dropped == Response(without.status, without.headers[1:], without.body)


@pytest.mark.parametrize(
    ("origin", "allowed", "answer"),
    [
        (PAGE, "*", "*"),
        (PAGE, PAGE, PAGE),
        (PAGE, "https://*", PAGE),
        (PAGE, "http://*", None),
        (PAGE, "https://other.example", None),
        (f"{PAGE}.evil.example", PAGE, None),
        ("null", "https://*", None),
    ],
)
def test_only_an_allowed_origin_gets_the_headers(
    origin: str, allowed: str, answer: str | None, world: World
) -> None:
    async def scenario(gateway: Gateway) -> list[Response]:
        return [
            await ask(gateway, "OPTIONS", "/echo", headers=PREFLIGHT | {"Origin": origin}),
            await ask(gateway, "POST", "/elsewhere", headers={"Origin": origin}),
        ]

    preflight, response = world.run_gateway("echo", scenario, Cors((allowed,), ("POST",)))
    assert (preflight.status, response.status) == (204, 404)
    assert dict(preflight.headers).get("access-control-allow-origin") == answer
    assert dict(response.headers).get("access-control-allow-origin") == answer
    assert ("access-control-allow-methods" in dict(preflight.headers)) is (answer is not None)


def test_an_api_without_cors_knows_no_preflights(world: World) -> None:
    async def scenario(gateway: Gateway) -> Response:
        return await ask(gateway, "OPTIONS", "/echo", headers=PREFLIGHT)

    response = world.run_gateway("echo", scenario)
    assert (response.status, response.body) == NOT_FOUND
