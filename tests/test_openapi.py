"""openapi.yaml, template.yaml, the handlers, the event files and real replies agree."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from cli.template import Function, functions
from tests.world import Context, World

ROOT = Path(__file__).parent.parent
CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
METHODS = ("get", "post", "put", "delete")
ALIASES = {"deleteLinkedMessage"}
"""Further routes of an endpoint, by their operation's id."""
BEHIND_HTTP = [function for function in functions() if function.routes]


def resolved(node: Any) -> Any:
    """The node that a $ref leads to."""
    while isinstance(node, dict) and "$ref" in node:
        target: Any = CONTRACT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def operation(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = resolved(CONTRACT["paths"][path])[method.lower()]
    return found


def conforms(response: dict[str, Any], method: str, path: str) -> None:
    """Hold a handler's reply to what the contract says of its route and status."""
    answer = resolved(operation(method, path)["responses"][str(response["statusCode"])])
    schema = {**answer["content"]["application/json"]["schema"], "components": CONTRACT["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(response["body"]))


def camel(module: str) -> str:
    first, *rest = module.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_every_route_of_the_template_is_described_and_no_other() -> None:
    described = {
        (method.upper(), path)
        for path, item in CONTRACT["paths"].items()
        for method in resolved(item)
        if method in METHODS
    }
    assert described == {route for function in BEHIND_HTTP for route in function.routes}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation and its path."""
    for path, item in CONTRACT["paths"].items():
        yield from ((path, item[method]) for method in METHODS if method in item)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert sorted(ids) == sorted(set(ids))
    # A path that stands for another one would repeat its operations.
    assert not [path for path, item in CONTRACT["paths"].items() if "$ref" in item]


def test_an_operation_s_parameters_are_those_of_its_path() -> None:
    for path, operation in operations():
        parameters = [resolved(parameter) for parameter in operation.get("parameters", ())]
        of_path = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        assert sorted(of_path) == sorted(re.findall(r"{(\w+)}", path))
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    schemas = [node["schema"] for node in nodes(CONTRACT) if "schema" in node]
    for schema in (*schemas, *CONTRACT["components"]["schemas"].values()):
        Draft202012Validator.check_schema(schema)
    for node in nodes(CONTRACT):
        assert resolved(node) is not None


def test_every_operation_and_every_answer_says_what_it_is() -> None:
    for _, operation in operations():
        assert operation["summary"]
        assert all(resolved(answer)["description"] for answer in operation["responses"].values())


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.module)
def test_an_endpoint_has_one_name_everywhere(function: Function) -> None:
    assert function.name == "".join(word.capitalize() for word in function.module.split("_")) + "Function"
    assert (ROOT / "functions" / f"{function.module}.py").is_file()
    assert (ROOT / "events" / f"{function.module}.json").is_file()
    assert (ROOT / "tests" / "functions" / f"test_{function.module}.py").is_file()
    names = {operation(method, path)["operationId"] for method, path in function.routes}
    assert names - ALIASES == ({camel(function.module)} if function.routes else set())


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_an_event_file_is_of_its_route_and_its_reply_as_described(function: Function, world: World) -> None:
    event = json.loads((ROOT / "events" / f"{function.module}.json").read_text())
    method, path = event["routeKey"].split(" ")
    assert (method, path) in function.routes
    matched = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)), event["rawPath"])
    assert matched is not None
    assert matched.groupdict() == event.get("pathParameters", {})

    world.load(*(json.loads(line) for line in (ROOT / "events" / "demo.jsonl").read_text().splitlines()))
    response = importlib.import_module(function.module).handler(event, Context())

    conforms(response, method, path)


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_a_refusal_is_as_described(function: Function, world: World) -> None:
    """Without credentials, in an empty table: every endpoint has something to say against it."""
    del world
    event = json.loads((ROOT / "events" / f"{function.module}.json").read_text())
    event["headers"].pop("authorization", None)
    event["headers"].pop("x-api-key", None)
    method, path = event["routeKey"].split(" ")

    response = importlib.import_module(function.module).handler(event, Context())

    assert response["statusCode"] in (400, 401)
    conforms(response, method, path)
