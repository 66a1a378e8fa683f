"""Runs with faults, and that they find what is wrong: each mutant is the service with one precaution less."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from expunge.deletions.due import Due
from expunge.deletions.holds import Holds
from expunge.deletions.record import Record
from expunge.deletions.soft_delete import Deletion, Target
from expunge.events import bus
from expunge.http import idempotency
from expunge.intake import Body
from expunge.table.store import CLIENT_CONFIG
from tests import shortcut
from tests.soak.memory import Memory
from tests.soak.run import run

Patch = pytest.MonkeyPatch

FEW = 8
MANY = 400
"""Runs within which every mutant is found."""


def test_whatever_fails_in_a_few_runs_every_promise_is_kept() -> None:
    for seed in range(1, 1 + FEW):
        run(seed)


def test_a_seed_is_one_course_of_events() -> None:
    assert run(FEW) == run(FEW)


def test_the_table_in_a_dictionary_answers_as_moto_does(monkeypatch: Patch) -> None:
    """In the same runs, but for the index's lag, which moto does not have."""
    both = Both(monkeypatch)

    def answer(memory: Memory, operation: str, params: dict[str, Any]) -> Any:
        return both.answer(memory, operation, params)

    monkeypatch.setattr(Memory, "answer", answer)
    for seed in range(1, 1 + FEW):
        run(seed)
    assert set(both.asked) >= {
        "TransactWriteItems",
        "Query",
        "UpdateItem",
        "PutItem",
        "GetItem",
        "BatchGetItem",
    }


class Both:
    """Asks moto what the dictionary is asked, and compares."""

    def __init__(self, patch: Patch) -> None:
        self.asked: set[str] = set()
        self._patch = patch
        self._make: Any = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001 - every call goes through it
        self._answer = Memory.answer
        self._memory: Memory | None = None
        self._client: Any = None

    def answer(self, memory: Memory, operation: str, params: dict[str, Any]) -> Any:
        memory.lag = 0
        if memory is not self._memory:
            self._begin(memory)
        self.asked.add(operation)
        ours = _outcome(lambda: self._answer(memory, operation, params))
        theirs = _outcome(lambda: self._make(self._client, operation, params))
        assert _plain(ours) == _plain(theirs), (operation, params)
        if isinstance(ours, ClientError):
            raise ours
        return ours

    def _begin(self, memory: Memory) -> None:
        self._memory, self._client = memory, boto3.client("dynamodb", config=CLIENT_CONFIG)
        with self._patch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", self._make)
            shortcut.create_table(self._client, "expunge")


_LEFT_OUT = (
    *("ResponseMetadata", "ScannedCount", "Message", "UnprocessedKeys"),
    *("ConsumedCapacity", "ItemCollectionMetrics"),
)


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ClientError as error:
        return error


def _plain(outcome: Any) -> Any:
    """What of an answer matters, whatever the order of what has none."""
    match outcome:
        case ClientError():
            told = outcome.response
            more = {name: told.get(name) for name in ("Item", "CancellationReasons")}
            return _plain({"code": told["Error"]["Code"], **more})
        case {"Responses": found}:
            return sorted(str(_plain(each)) for items in found.values() for each in items)
        case {"SS": texts}:
            return sorted(texts)
        case dict():
            return {name: _plain(each) for name, each in sorted(outcome.items()) if name not in _LEFT_OUT}
        case list():
            return [_plain(each) for each in outcome]
        case _:
            return outcome


def a_lost_answer_is_taken_for_a_failure(patch: Patch) -> None:
    patch.setattr(Deletion, "took", lambda *_: False)


def what_lives_is_deleted_whatever_became_of_it(patch: Patch) -> None:
    write = Target.write

    def anyhow(target: Target, table: str) -> Any:
        entry = write(target, table)
        entry["Update"]["ConditionExpression"] = "attribute_exists(pk)"
        return entry

    patch.setattr(Target, "write", anyhow)


def the_purge_asks_for_nothing(patch: Patch) -> None:
    patch.setattr(Due, "condition", lambda _: ("attribute_exists(pk)", {}))


def holds_are_not_heeded(patch: Patch) -> None:
    patch.setattr(Holds, "covers", lambda *_: False)
    patch.setattr(Holds, "endpoints_of", lambda *_: frozenset())


def an_event_that_the_bus_refused_is_forgotten(patch: Patch) -> None:
    put = bus._put  # noqa: SLF001 - the precaution is in there

    def careless(call: Any, deadline: Any) -> None:
        kept = list(call[:1])
        put(kept, deadline)
        call.clear()

    patch.setattr(bus, "_put", careless)


def flags_are_written_without_a_record(patch: Patch) -> None:
    patch.setattr(Record, "save", lambda *_: None)


def a_body_is_settled_before_it_is_stored(patch: Patch) -> None:
    patch.setattr(Body, "settled", True)


def a_write_without_an_answer_is_made_once_more_under_another_id(patch: Patch) -> None:
    patch.setattr(
        idempotency,
        "_earlier",
        lambda store, deadline, pk, ours, _: idempotency.Claim(
            store, deadline, pk, ours["request_id"]["S"], ours["busy_until"]["S"], first=True
        ),
    )


MUTANTS = (
    a_lost_answer_is_taken_for_a_failure,
    what_lives_is_deleted_whatever_became_of_it,
    the_purge_asks_for_nothing,
    holds_are_not_heeded,
    an_event_that_the_bus_refused_is_forgotten,
    flags_are_written_without_a_record,
    a_body_is_settled_before_it_is_stored,
    a_write_without_an_answer_is_made_once_more_under_another_id,
)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_service_without_one_of_its_precautions_is_found(
    mutant: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutant(monkeypatch)
    assert any(_breaks(seed) for seed in range(1, 1 + MANY))


def _breaks(seed: int) -> bool:
    try:
        run(seed)
    except AssertionError:
        return True
    return False
