"""template.yaml as tests read it: intrinsic functions as dictionaries, and the functions by name."""

from functools import cache
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it has no types

from cli.template import TEMPLATE

EVENTS = TEMPLATE.parent / "events"


@cache
def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return parsed


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of that kind, by name."""
    found = template()["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def lambda_functions() -> dict[str, str]:
    """The handler's module of each function."""
    kind = "AWS::Serverless::Function"
    return {name: each["Handler"].rpartition(".")[0] for name, each in resources(kind).items()}
