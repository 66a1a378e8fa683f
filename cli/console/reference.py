"""openapi.yaml for the pages: it names this origin as the server and, if they are there, the demo records."""

import copy
import json
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

import yaml

from cli import demo
from cli.routes import Routes
from cli.template import TEMPLATE, functions

API_KEY: Final = demo.API_KEY

_ALIAS: Final = (
    "a WhatsApp message, which a stand-in for WhatsApp deletes",
    "DELETE",
    "/api/v1/messages/msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR",
    "",
)
_REQUEST_ID: Final = "REQUEST_ID"


@cache
def contract(*, demo: bool) -> dict[str, Any]:
    """Give the contract; with demo records, each call has values with which it does something."""
    with TEMPLATE.with_name("openapi.yaml").open(encoding="utf-8") as file:
        document: dict[str, Any] = yaml.safe_load(file)
    document["servers"] = [{"url": "/"}]
    if demo:
        _fill_in(document)
    return document


def _fill_in(document: dict[str, Any]) -> None:
    routes = Routes(functions())
    done = set()
    for what, method, target, body in (*demo.REQUESTS, _ALIAS, *demo.LOOK_UPS):
        path, _, query = target.partition("?")
        match = routes.match(method, path)
        if match is None:
            raise LookupError(f"no route is for the demo request {method} {path}")
        if match.route_key in done:
            continue
        done.add(match.route_key)
        operation = document["paths"][match.route_key.partition(" ")[2]][method.lower()]
        values = match.path_parameters | dict(parse_qsl(query))
        operation["parameters"] = [
            _with_example(_resolved(document, each), values) for each in operation.get("parameters", ())
        ]
        operation["description"] = f"{operation.get('description', '')} The example: {what}.".strip()
        if "requestBody" in operation:
            operation["requestBody"] = _resolved(document, operation["requestBody"])
            operation["requestBody"]["content"]["application/json"]["example"] = json.loads(body or "{}")


def _with_example(parameter: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Make the demo's value the example. An id that only an earlier answer tells is left to be typed."""
    parameter.pop("example", None)
    value = values.get(parameter["name"])
    if value is not None and value != _REQUEST_ID:
        parameter["example"] = value
    return parameter


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Copy a node or, if it is a reference, what it refers to."""
    if "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return copy.deepcopy(node)
