"""Bodies of the records queue, and what the function makes of them."""

import json
from collections.abc import Callable
from typing import Any

from store_records import handler
from tests.world import Context, World

Logged = Callable[[], list[dict[str, Any]]]


def body(*records: dict[str, Any] | str) -> str:
    return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in records)


def send(*bodies: str, context: Context | None = None) -> dict[str, Any]:
    records = [{"messageId": f"m{n}", "body": each} for n, each in enumerate(bodies)]
    return handler({"Records": records}, context or Context())


def failed(reply: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in reply["batchItemFailures"]]


def stored(world: World) -> set[str]:
    return {item["id"] for item in world.items()}
