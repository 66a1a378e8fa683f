"""Moto's DynamoDB, asked directly.

moto answers as AWS does over HTTP: every call is signed, sent, taken apart, answered, serialised and parsed,
and that takes most of the time of all tests. Here a call is handed to moto where the SDK would begin to send
it, and moto's answer is handed back as the SDK would have parsed it. What moto decides stays moto's.

Unlike moto, which does not lock, a call is carried out as a whole before another thread's.
"""

import json
import os
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cache
from threading import RLock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import BaseEventHooks, EventAliaser, HierarchicalEmitter
from botocore.loaders import JSONFileLoader
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.session import Session
from botocore.useragent import UserAgentString
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

from cli import dynamodb
from expunge.table import sending
from expunge.table.store import CLIENT_CONFIG
from tests import expressions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Answer = tuple[AWSResponse, dict[str, Any]]

_FEW, _SHORT = 50, 1000
"""So many attributes of so many characters are together far from what an item may hold."""

_lock = RLock()
_tables: dict[str, Table] = {}
_parser: Any = create_parser("json")


def install() -> None:
    """Have all clients that are made from now on ask moto directly; to be called before the first is made."""
    BUILTIN_HANDLERS.append(("before-call.dynamodb", answer))
    moto_table: Any = Table
    moto_table.__deepcopy__ = lambda table, _memo: table
    moto_table.all_items = _in_order_of_keys
    attributes: Any = LimitedSizeDict
    attributes.__setitem__ = _sized_if_large(attributes.__setitem__)
    backend: Any = DynamoDBBackend
    backend.transact_write_items = _all_or_nothing(backend.transact_write_items)
    attribute: Any = DynamoType
    attribute.cast_value = property(_plain_first(attribute.cast_value.fget))
    expressions.install()
    _make_sessions_quick()
    agent: Any = UserAgentString
    agent.to_string = cache(agent.to_string)
    session: Any = Session
    session.create_client = _once(session.create_client)


def _make_sessions_quick() -> None:
    """Do once what each of botocore's sessions does anew; every command that is tried makes one.

    That is to read its files, and to find out by which name each of a hundred and more events goes.
    """
    files: Any = JSONFileLoader
    load, loader = files.load_file, JSONFileLoader()
    kept = cache(lambda path: load(loader, path))
    files.load_file = lambda _loader, path: kept(path)

    alias, aliaser = vars(EventAliaser)["_alias_event_name"], EventAliaser(HierarchicalEmitter())
    named = cache(lambda name: alias(aliaser, name))
    quick: dict[tuple[type, str], Callable[..., Any]] = {
        (EventAliaser, "_alias_event_name"): lambda _aliaser, name: named(name),
        (BaseEventHooks, "_verify_accept_kwargs"): lambda _hooks, _handler: None,
    }
    for (kind, name), instead in quick.items():
        setattr(kind, name, instead)


@contextmanager
def moto() -> Iterator[None]:
    """AWS is empty and is moto, as long as the context lasts.

    `mock_aws` does this too; it also prepares the requests library, which takes longer than most tests.
    """
    BackendDict.reset()
    botocore_stubber.enabled = True
    try:
        yield
    finally:
        botocore_stubber.enabled = False
        BackendDict.reset()


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Create the template's table without its stream; moto makes it once and gets copies afterwards.

    Where the client leads to another engine, that one makes it each time.
    """
    if not leads_to_moto(f"{client.meta.endpoint_url}/"):
        dynamodb.create_table(client, name, stream=False)
        return
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
    if name not in _tables:
        dynamodb.create_table(client, name, stream=False)
        _tables[name] = tables[name]
    table = copy(_tables[name])
    table.items = defaultdict(dict)
    tables[name] = table


def answer(model: OperationModel, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Answer | None:
    """Answer a call that is about to be sent to AWS while moto takes its place."""
    if not leads_to_moto(params["url"]):
        return None
    _ask_whether_to_send(params)
    handler: Any = DynamoHandler()
    handler.region, handler.current_account = context["client_region"], DEFAULT_ACCOUNT_ID
    handler.body = json.loads(params["body"], object_hook=_binary)
    with _lock:
        try:
            result = getattr(handler, xform_name(model.name))().result
        except HTTPException as error:
            return _refusal(model, error)
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    known: Any = model.output_shape
    reply = {name: value for name, value in (result or {}).items() if name in known.members}
    return _http(params["url"], 200), reply | {"ResponseMetadata": metadata}


def leads_to_moto(url: str) -> bool:
    """Whether a request to the URL would be answered by moto, and not by what listens there."""
    return botocore_stubber.enabled and url.endswith(".amazonaws.com/")


def _ask_whether_to_send(params: dict[str, Any]) -> None:
    request: Any = SimpleNamespace(body=params["body"])
    sending._before_send(request)  # noqa: SLF001 - a request that is sent meets it
    if request.body is not params["body"]:
        request.body.read()


def _binary(value: dict[str, Any]) -> dict[str, Any]:
    """Undo the encoding of an attribute that is binary."""
    if len(value) == 1 and isinstance(value.get("B"), str):
        return {"B": b64decode(value["B"])}
    return value


def _refusal(model: OperationModel, error: Any) -> Answer:
    """What the SDK makes of an error: that of every service, with what this operation adds to it."""
    sent = {
        "status_code": error.code,
        "headers": dict(error.get_headers()),
        "body": error.description.encode(),
    }
    parsed = _parser.parse(sent, model.output_shape)
    shape = model.service_model.shape_for_error_code(parsed["Error"]["Code"])
    if shape is not None:
        parsed |= _parser.parse(sent, shape)
    return _http("", error.code), parsed


def _http(url: str, status: int) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders(), None)


def _in_order_of_keys(table: Table) -> list[Any]:
    """All items; moto sorts them too, by comparing one attribute with another."""
    items = [item for partition in table.items.values() for item in partition.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value))


def _plain_first(cast: Callable[[DynamoType], Any]) -> Callable[[DynamoType], Any]:
    """A text is what it is; moto asks for every other type first."""
    return lambda attribute: attribute.value if attribute.type == "S" else cast(attribute)


_WHERE = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_DYNAMODB")
"""Variables that say which DynamoDB a client asks."""


def _once(create_client: Callable[..., Any]) -> Callable[..., Any]:
    """Make a client of the service's own configuration once; each caller gets one whose methods are its own.

    What is registered with the events of one of them holds for all.
    """
    made: dict[tuple[str | None, ...], Any] = {}

    def create(session: Session, service_name: str, **arguments: Any) -> Any:
        own = arguments.get("config") is CLIENT_CONFIG and arguments.get("endpoint_url") is None
        if service_name != "dynamodb" or not own or not botocore_stubber.enabled:
            return create_client(session, service_name, **arguments)
        region = arguments.get("region_name"), *map(os.environ.get, _WHERE)
        if region not in made:
            made[region] = create_client(session, service_name, **arguments)
            resolver = made[region]._ruleset_resolver  # noqa: SLF001 - it asks all rules for each call
            resolver.construct_endpoint = _by_operation(resolver.construct_endpoint)
        client = object.__new__(type(made[region]))
        vars(client).update(vars(made[region]))
        return client

    return create


def _by_operation(construct: Callable[..., Any]) -> Callable[..., Any]:
    """Find out once for each operation where its calls go; nothing in a call of the service changes it."""
    found: dict[str, Any] = {}

    def endpoint(operation_model: OperationModel, **call: Any) -> Any:
        if operation_model.name not in found:
            found[operation_model.name] = construct(operation_model=operation_model, **call)
        return found[operation_model.name]

    return endpoint


def _sized_if_large(setitem: Callable[..., None]) -> Callable[..., None]:
    """Add up the size of an item only if it may be large; moto does with each attribute that is set."""

    def put(attributes: LimitedSizeDict, name: str, value: Any) -> None:
        all_small = len(attributes) < _FEW and all(map(_is_small, attributes.values()))
        (dict.__setitem__ if all_small and _is_small(value) else setitem)(attributes, name, value)

    return put


def _is_small(value: Any) -> bool:
    return type(value) is DynamoType and type(value.value) in (str, bytes) and len(value.value) < _SHORT


def _all_or_nothing(
    transact: Callable[[DynamoDBBackend, Any], None],
) -> Callable[[DynamoDBBackend, Any], None]:
    """Keep what a transaction writes in order to restore it; moto copies the whole table each time."""

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        before = [_before(backend, write) for entry in transact_items for write in entry.values()]
        try:
            transact(backend, transact_items)
        except Exception:
            for restore in before:
                restore()
            raise

    return transact_write_items


def _before(backend: DynamoDBBackend, write: dict[str, Any]) -> Callable[[], None]:
    """Give what puts an item of a transaction back as it was."""
    table = backend.get_table(write["TableName"])
    hash_key, range_key = backend.get_keys_value(table, write.get("Key") or write["Item"])
    item = deepcopy(table.get_item(hash_key, range_key))

    def restore() -> None:
        if item is None:
            table.delete_item(hash_key, range_key)
        else:
            table.items[hash_key][range_key] = item

    return restore
