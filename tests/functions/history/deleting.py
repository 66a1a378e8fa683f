"""Calls that delete channel history, now and in the background."""

from typing import Any

from botocore.exceptions import ClientError

from delete_channel_history import handler
from expunge.deadline import Deadline
from expunge.history import sweeps
from expunge.table.store import store
from tests.world import SUB_KEY, Reply, call

DELETED = {"status": 200, "error": False, "error_message": ""}


def delete(channels: str = "ch1", query: Any = "", *, sub_key: str = SUB_KEY, **how: Any) -> Reply:
    return call(handler, path={"sub_key": sub_key, "channels": channels}, query=query, **how)


def resume() -> sweeps.Resumed:
    return sweeps.resume(store(), Deadline(lambda: 29_000))


def refuse(**_: Any) -> Any:
    response: Any = {"Error": {"Code": "Refused"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    raise ClientError(response, "")


def refusal(reply: Reply) -> tuple[int, str]:
    """Status and message of a refusal that holds nothing else."""
    message = reply.body["error_message"]
    assert reply.body == {"status": reply.status, "error": True, "error_message": message}
    return reply.status, message
