import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import stream
from cli.invoke import EventTooLargeError, InvocationError
from cli.stream import Bringer, Shards, lambda_form
from cli.template import StreamMapping

DELETES = {"eventName": ["MODIFY"]}


def record(number: int, name: str = "MODIFY") -> dict[str, Any]:
    return {"eventName": name, "dynamodb": {"SequenceNumber": str(number)}}


class Engine:
    """A stream of several shards; each is the records that were written to it."""

    class exceptions:  # noqa: N801 - as the SDK has it
        ClientError = ClientError

    def __init__(self, **shards: list[Any]) -> None:
        self.shards = shards
        self.parents: dict[str, str] = {}
        self.ended: set[str] = set()
        self.expired: set[str] = set()

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> Any:  # noqa: N803 - as the SDK has it
        assert StreamArn == "arn"
        names = list(self.shards)
        at = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        name = names[at]
        numbers = {"EndingSequenceNumber": "9"} if name in self.ended else {}
        shard = {"ShardId": name, "SequenceNumberRange": numbers}
        if name in self.parents:
            shard["ParentShardId"] = self.parents[name]
        last = {"LastEvaluatedShardId": name} if at + 1 < len(names) else {}
        return {"StreamDescription": {"Shards": [shard], **last}}

    def get_shard_iterator(self, *, StreamArn: str, ShardId: str, ShardIteratorType: str) -> Any:  # noqa: N803
        assert StreamArn == "arn"
        at = len(self.shards[ShardId]) if ShardIteratorType == "LATEST" else 0
        return {"ShardIterator": f"{ShardId}/{at}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        if ShardIterator in self.expired:
            self.expired.clear()
            response: Any = {"Error": {"Code": "ExpiredIteratorException"}}
            raise ClientError(response, "GetRecords")
        name, _, at = ShardIterator.partition("/")
        records = self.shards[name][int(at) :][:Limit]
        following = {"NextShardIterator": f"{name}/{int(at) + len(records)}"}
        over = name in self.ended and int(at) + len(records) == len(self.shards[name])
        return {"Records": records, **({} if over else following)}


def reading(engine: Engine) -> Any:
    """The shards of an engine, whatever its records are."""
    return Shards(engine, "arn")


def test_a_stream_is_read_from_now_on() -> None:
    engine = Engine(a=[1], b=[2])
    shards = reading(engine)
    engine.shards["a"].append(3)
    assert shards.read() == [3]
    assert shards.read() == []
    engine.shards["b"].append(4)
    assert shards.read() == [4]


def test_a_shard_that_continues_another_is_read_after_it_and_from_its_beginning() -> None:
    engine = Engine(a=[1], old=[9])
    engine.ended = {"old"}
    shards = reading(engine)
    engine.shards |= {"a": [1, 2], "b": [3], "c": [4]}
    engine.parents = {"b": "a", "c": "a"}
    engine.ended |= {"a"}
    assert [shards.read(), shards.read(), shards.read()] == [[2], [3, 4], []]


def test_a_stream_that_was_not_read_for_long_is_read_on_from_now() -> None:
    engine = Engine(a=[])
    shards = reading(engine)
    engine.expired = {"a/0"}
    assert shards.read() == []
    engine.shards["a"].append(1)
    assert shards.read() == [1]


class Function:
    """One that is invoked; `fails` decides what it does not do."""

    def __init__(self, fails: Callable[[list[str]], Exception | str | None] = lambda _: None) -> None:
        self.batches: list[list[str]] = []
        self._fails = fails

    async def __call__(self, event: Any) -> Any:
        numbers = [each["dynamodb"]["SequenceNumber"] for each in event["Records"]]
        self.batches.append(numbers)
        failed = self._fails(numbers)
        if isinstance(failed, Exception):
            raise failed
        return {"batchItemFailures": [] if failed is None else [{"itemIdentifier": failed}]}


def bring(engine: Engine, function: Function, until: Callable[[], bool], batch_size: int = 4) -> None:
    """Write to the stream what is in it, and bring it until something is so."""

    async def scenario() -> None:
        written, engine.shards = engine.shards, {name: [] for name in engine.shards}
        shards = Shards(engine, "arn")
        engine.shards = written
        mapping = StreamMapping("Function", batch_size, 0, (DELETES,))
        task = asyncio.create_task(Bringer(shards, mapping, function, 0.001).run())
        while not until():
            assert not task.done()
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(scenario())


def test_what_fits_the_patterns_is_brought_in_batches() -> None:
    function = Function()
    written = [record(number) for number in range(6)]
    written.insert(2, record(99, "INSERT"))
    bring(Engine(a=written), function, lambda: len(function.batches) == 2)
    assert function.batches == [["0", "1", "2", "3"], ["4", "5"]]


def test_a_batch_is_brought_again_from_where_the_function_failed() -> None:
    answers = iter(["2", None, None])
    function = Function(lambda _: next(answers))
    bring(Engine(a=[record(number) for number in range(4)]), function, lambda: len(function.batches) == 2)
    assert function.batches == [["0", "1", "2", "3"], ["2", "3"]]


@pytest.mark.parametrize("error", [InvocationError("it died"), EventTooLargeError()])
def test_a_batch_on_which_the_function_dies_is_halved_and_a_poison_record_passed_over(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ATTEMPTS", 2)
    function = Function(lambda numbers: error if "2" in numbers else None)
    bring(Engine(a=[record(number) for number in range(4)]), function, lambda: ["3"] in function.batches)
    assert [batch for batch in function.batches if "2" not in batch] == [["0", "1"], ["3"]]
    assert function.batches.count(["2"]) == 2


def test_an_engine_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    engine, function = Engine(a=[record(1)]), Function()
    read, failures = engine.get_records, iter([True, True])

    def fails(**arguments: Any) -> Any:
        if next(failures, False):
            raise ConnectionError
        return read(**arguments)

    engine.get_records = fails  # type: ignore[method-assign]
    bring(engine, function, lambda: function.batches == [["1"]])
    assert caplog.messages == [
        "The table's stream cannot be read (ConnectionError), so no events are told; it is tried again"
    ]


def test_records_have_the_form_that_lambda_gives_them() -> None:
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    assert lambda_form({"at": moment, "L": [{"B": b"\xff"}], "N": "1"}) == {
        "at": moment.timestamp(),
        "L": [{"B": "/w=="}],
        "N": "1",
    }
