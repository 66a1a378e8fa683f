"""What template.yaml says about the table, the functions, their routes and who may call them from a browser.

The commands read it from there, so that it is said once. Parameters have their defaults; what only AWS knows
(an ARN, a generated name) is replaced by plain text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

try:
    # libyaml's reads eight times as fast, and every command that needs a table waits for it.
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # where PyYAML was built without it
    from yaml import SafeLoader  # type: ignore[assignment]

_HERE = Path(__file__).resolve().parent
_BUNDLED = _HERE / "resources" / "template.yaml"

TEMPLATE = _BUNDLED if _BUNDLED.exists() else _HERE.parent / "template.yaml"
"""In a wheel it lies inside the package, in a checkout beside it; the handlers and events are next to it."""

_TABLE_ARGUMENTS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function as the template defines it, globals included."""

    name: str
    """Its logical name, e.g. ``DeletePullEventsFunction``."""
    code: Path
    """The folder that holds its handler module."""
    module: str
    attribute: str
    timeout: int
    """Seconds."""
    memory: int
    """Megabytes."""
    environment: Mapping[str, str]
    routes: tuple[tuple[str, str], ...]
    """(method, path) of each of its HTTP API events; none for a function that is not called over HTTP."""
    every: int | None = None
    """Seconds between two runs of its schedule, if it has one."""


@dataclass(frozen=True, slots=True)
class Cors:
    """What pages of other origins may send to the HTTP API and read from it; without origins, nothing."""

    origins: tuple[str, ...] = ()
    """``*`` stands for all, ``https://*`` for all that begin so."""
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    """Headers of a response that a page may read."""
    max_age: int | None = None
    """Seconds for which a browser may remember all this."""


NO_CORS: Final = Cors()


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """How the table's stream is brought to a function."""

    function: str
    """Its logical name."""
    batch_size: int
    """Most records of an invocation."""
    window: int
    """Seconds that a batch waits for more."""
    patterns: tuple[Mapping[str, Any], ...]
    """Records that fit one of them are brought; see patterns.py."""


def functions(template: Path = TEMPLATE) -> tuple[Function, ...]:
    """Every AWS::Serverless::Function, in the template's order."""
    return tuple(
        _function(template, name, properties)
        for name, properties in _resources(template, "AWS::Serverless::Function")
    )


def cors(template: Path = TEMPLATE) -> Cors:
    """Return what the CorsConfiguration of the AWS::Serverless::HttpApi says."""
    for _, api in _resources(template, "AWS::Serverless::HttpApi"):
        said = api.get("CorsConfiguration", {})
        return Cors(
            origins=tuple(said.get("AllowOrigins", ())),
            methods=tuple(said.get("AllowMethods", ())),
            headers=tuple(said.get("AllowHeaders", ())),
            exposed=tuple(said.get("ExposeHeaders", ())),
            max_age=said.get("MaxAge"),
        )
    return NO_CORS


def stream_mapping(template: Path = TEMPLATE) -> StreamMapping | None:
    """Return what the template says about the table's stream; None if it has no function for it."""
    for _, properties in _resources(template, "AWS::Lambda::EventSourceMapping"):
        if properties["EventSourceArn"].endswith(".StreamArn"):
            return StreamMapping(
                function=properties["FunctionName"],
                batch_size=int(properties["BatchSize"]),
                window=int(properties["MaximumBatchingWindowInSeconds"]),
                patterns=tuple(
                    json.loads(each["Pattern"]) for each in properties["FilterCriteria"]["Filters"]
                ),
            )
    return None


def table_definition(name: str | None = None, template: Path = TEMPLATE) -> dict[str, Any]:
    """Arguments of boto3's ``create_table``; ``name`` instead of the template's if given.

    Leaves out what guards a table in AWS (deletion protection, recovery, encryption).
    """
    _, properties = next(_resources(template, "AWS::DynamoDB::Table"))
    arguments = {key: properties[key] for key in _TABLE_ARGUMENTS if key in properties}
    if "StreamSpecification" in properties:
        # To CloudFormation, describing a stream means switching it on. DynamoDB must be told so.
        arguments["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    return {"TableName": name or properties["TableName"], **arguments}


def time_to_live(template: Path = TEMPLATE) -> dict[str, Any]:
    """What boto3's ``update_time_to_live`` sets: the attribute by whose time items expire."""
    _, properties = next(_resources(template, "AWS::DynamoDB::Table"))
    return dict(properties["TimeToLiveSpecification"])


def table_tags(template: Path = TEMPLATE) -> dict[str, str]:
    """Return the tags of the table."""
    _, properties = next(_resources(template, "AWS::DynamoDB::Table"))
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", ())}


def default_table_name(template: Path = TEMPLATE) -> str:
    """Name the table as the template does where nobody chose another."""
    return str(table_definition(template=template)["TableName"])


def _function(template: Path, name: str, properties: dict[str, Any]) -> Function:
    shared = _resolve(_load(template).get("Globals", {}).get("Function", {}), template)
    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **properties.get("Environment", {}).get("Variables", {}),
    }
    merged = shared | properties
    module, _, attribute = merged["Handler"].rpartition(".")
    return Function(
        name=name,
        code=template.parent / merged.get("CodeUri", "."),
        module=module,
        attribute=attribute,
        timeout=int(merged.get("Timeout", 3)),
        memory=int(merged.get("MemorySize", 128)),
        environment={key: str(value) for key, value in variables.items()},
        routes=tuple(
            (event["Properties"]["Method"].upper(), event["Properties"]["Path"])
            for event in properties.get("Events", {}).values()
            if event["Type"] == "HttpApi"
        ),
        every=next(
            (
                _seconds(event["Properties"]["Schedule"])
                for event in properties.get("Events", {}).values()
                if event["Type"] == "Schedule"
            ),
            None,
        ),
    )


def _seconds(rate: str) -> int:
    """Read EventBridge's ``rate(5 minutes)``."""
    number, unit = rate.removeprefix("rate(").removesuffix(")").split()
    return int(number) * {"minute": 60, "hour": 3600, "day": 86400}[unit.removesuffix("s")]


def _resources(template: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in _load(template)["Resources"].items():
        if resource["Type"] == kind:
            yield name, _resolve(resource["Properties"], template)


def _resolve(value: Any, template: Path) -> Any:
    match value:
        case {"Ref": name}:
            return _reference(name, template)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^!}]+)\}", lambda found: str(_reference(found[1], template)), text)
        case {"Fn::GetAtt": names}:
            return names if isinstance(names, str) else ".".join(names)
        case dict():
            return {key: _resolve(item, template) for key, item in value.items()}
        case list():
            return [_resolve(item, template) for item in value]
        case _:
            return value


def _reference(name: str, template: Path) -> Any:
    loaded = _load(template)
    if name == "AWS::StackName":
        return "expunge"
    if name in loaded.get("Parameters", {}):
        return loaded["Parameters"][name].get("Default", "")
    properties = loaded["Resources"].get(name, {}).get("Properties", {})
    # A reference to the table is the table's name; others are known only in AWS.
    return _resolve(properties["TableName"], template) if "TableName" in properties else name


@cache
def _load(template: Path) -> dict[str, Any]:
    with template.open(encoding="utf-8") as file:
        # A SafeLoader all the same: it adds nothing but CloudFormation's short tags.
        loaded: dict[str, Any] = yaml.load(file, Loader=_Loader)  # noqa: S506
    return loaded


class _Loader(SafeLoader):
    """YAML with CloudFormation's short tags: ``!Sub x`` is read as ``{"Fn::Sub": "x"}``."""


def _short_tag(loader: SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)
