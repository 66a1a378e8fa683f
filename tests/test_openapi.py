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
CONTRACT: dict[str, Any] = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
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
    item = resolved(CONTRACT["paths"].get(path, {}))
    assert method.lower() in item, f"openapi.yaml does not describe {method} {path}"
    found: dict[str, Any] = item[method.lower()]
    return found


def event_of(module: str) -> dict[str, Any]:
    """The event file of a function."""
    file = ROOT / "events" / f"{module}.json"
    assert file.is_file(), f"events/{module}.json is missing, an event of the function for `sam local invoke`"
    event: dict[str, Any] = json.loads(file.read_text())
    return event


def handler_of(module: str) -> Any:
    assert (ROOT / "functions" / f"{module}.py").is_file(), f"functions/{module}.py, the handler, is missing"
    return importlib.import_module(module).handler


def conforms(response: dict[str, Any], method: str, path: str) -> None:
    """Hold a handler's reply to what the contract says of its route and status."""
    answers, status = operation(method, path)["responses"], str(response["statusCode"])
    assert status in answers, f"openapi.yaml does not describe the answer {status} of {method} {path}"
    answer = resolved(answers[status])
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
    there = {route for function in BEHIND_HTTP for route in function.routes}
    assert there - described == set(), "openapi.yaml lacks routes of template.yaml"
    assert described - there == set(), "openapi.yaml describes routes that template.yaml lacks"


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
    name = "".join(word.capitalize() for word in function.module.split("_")) + "Function"
    assert function.name == name, f"template.yaml calls the function of {function.module}.py by another name"
    for file in (
        f"functions/{function.module}.py",
        f"events/{function.module}.json",
        f"tests/functions/test_{function.module}.py",
    ):
        assert (ROOT / file).is_file(), f"{file} is missing, which {function.name} must have"
    names = {operation(method, path)["operationId"] for method, path in function.routes}
    wanted = {camel(function.module)} if function.routes else set()
    assert names - ALIASES == wanted, f"openapi.yaml calls the operation of {function.name} by another name"


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_an_event_file_is_of_its_route_and_its_reply_as_described(function: Function, world: World) -> None:
    event = event_of(function.module)
    method, path = event["routeKey"].split(" ")
    assert (method, path) in function.routes, f"events/{function.module}.json is of another route"
    matched = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)), event["rawPath"])
    assert matched is not None, f"the rawPath of events/{function.module}.json is not one of its route"
    assert matched.groupdict() == event.get("pathParameters", {})

    world.load(*(json.loads(line) for line in (ROOT / "events" / "demo.jsonl").read_text().splitlines()))
    response = handler_of(function.module)(event, Context())

    conforms(response, method, path)


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_a_refusal_is_as_described(function: Function, world: World) -> None:
    """Without credentials, in an empty table: every endpoint has something to say against it."""
    del world
    event = event_of(function.module)
    event["headers"].pop("authorization", None)
    event["headers"].pop("x-api-key", None)
    method, path = event["routeKey"].split(" ")

    response = handler_of(function.module)(event, Context())

    assert response["statusCode"] in (400, 401)
    conforms(response, method, path)


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_a_call_that_names_its_parameters_names_those_that_are_described(
    function: Function, world: World
) -> None:
    world.load(*(json.loads(line) for line in (ROOT / "events" / "demo.jsonl").read_text().splitlines()))
    event = event_of(function.module) | {"rawQueryString": "nobody=knows"}
    method, path = event["routeKey"].split(" ")

    response = handler_of(function.module)(event, Context())

    named = re.search(r"the parameters of this call are ([\w, ]+)", response["body"])
    if named is not None:
        known = set(named[1].split(", "))
        parameters = [resolved(each) for each in operation(method, path).get("parameters", ())]
        described = {each["name"] for each in parameters if each["in"] == "query"}
        assert sorted(known - described) == [], f"openapi.yaml lacks parameters of {method} {path}"
        assert sorted(described - known) == [], f"openapi.yaml describes what {method} {path} does not know"
        page = (ROOT / "docs" / "api.md").read_text()
        assert [name for name in known if f"`{name}`" not in page] == [], "docs/api.md lacks parameters"


@pytest.mark.parametrize("function", BEHIND_HTTP, ids=lambda function: function.module)
def test_a_call_that_knows_idempotency_keys_says_so(function: Function, world: World) -> None:
    world.load(*(json.loads(line) for line in (ROOT / "events" / "demo.jsonl").read_text().splitlines()))
    event = event_of(function.module)
    event["headers"]["idempotency-key"] = "no blanks"
    if function.module == "delete_message":  # which knows them for outbound messages
        event["pathParameters"] = {"message_id": "01961e00-0000-7000-8000-000000000304"}
        event["headers"]["authorization"] = "Bearer hb_demo_key"
    method, path = event["routeKey"].split(" ")

    response = handler_of(function.module)(event, Context())

    known = "idempotency-key" in response["body"].lower()
    described = operation(method, path)
    parameters = {resolved(each)["name"] for each in described.get("parameters", ())}
    assert ("idempotency-key" in parameters) is known
    assert ({"409", "422"} <= described["responses"].keys()) is known
    assert ("idempotent-replayed" in resolved(described["responses"]["200"]).get("headers", {})) is known
