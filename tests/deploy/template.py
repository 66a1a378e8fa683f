"""template.yaml as tests read it: intrinsic functions as dictionaries, and the functions by name."""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from cli.template import TEMPLATE, functions

EVENTS = TEMPLATE.parent / "events"


@cache
def template() -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # noqa: PLC0415 - slow to import

    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return parsed


@cache
def transformed() -> dict[str, Any]:
    """What CloudFormation makes of it before it deploys, parameters at their defaults."""
    from samtranslator.translator.transform import transform  # type: ignore[import-untyped] # noqa: PLC0415 - likewise

    source = deepcopy(template())
    # As after packaging: the transformation takes no folders.
    source["Globals"]["Function"]["CodeUri"] = "s3://bucket/functions"
    source["Resources"]["ExpungeLayer"]["Properties"]["ContentUri"] = "s3://bucket/layer"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found: dict[str, Any] = transform(source, {}, _NoManagedPolicies())
    return found


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of that kind, by name."""
    found = template()["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def parameter(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Parameters"][name]
    return found


def lambda_functions() -> dict[str, str]:
    """The handler's module of each function."""
    return {each.name: each.module for each in functions()}
