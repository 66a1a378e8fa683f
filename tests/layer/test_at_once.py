"""Several transactions or reads at once: what becomes of the others when one of them fails."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.table import at_once, keys
from expunge.table.store import store
from tests.world import ACCOUNT, World, message_id

FORBIDDEN = ClientError(
    {"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item] # as much as is read
    "TransactWriteItems",
)


class Row:
    """A record of one item."""

    def __init__(self, name: str) -> None:
        self.name = name

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        return [{"Put": {"TableName": table, "Item": self.name}}]

    def committed(self) -> None:
        """Do nothing."""

    def refused(self, found: Any) -> None:
        raise NotImplementedError


@pytest.fixture
def sent(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent, by one thread so that the order is known; whatever raises in FAILS fails."""
    del world
    sent: list[str] = []

    def transact(**arguments: Any) -> None:
        names = [write["Put"]["Item"] for write in arguments["TransactItems"]]
        sent.extend(names)
        for name in names:
            if name in FAILS:
                raise FAILS[name]

    monkeypatch.setattr(at_once, "_AT_ONCE", 1)
    monkeypatch.setattr(store().client, "transact_write_items", transact)
    return sent


FAILS = {"forbidden": FORBIDDEN, "a bug": ZeroDivisionError()}


def commit(*names: str, most: int = 1) -> tuple[str, list[str]] | None:
    """Why not all were written, and which rows are in doubt."""
    stopped = at_once.commit(store(), [Row(name) for name in names], most, Deadline.never())
    return None if stopped is None else (str(stopped[0]), [row.name for row in stopped[1]])


def test_all_are_written_so_many_to_a_transaction(sent: list[str]) -> None:
    assert commit("a", "b", "c", most=2) is None
    assert sent == ["a", "b", "c"]
    assert commit() is None


@pytest.mark.parametrize(
    ("failing", "reason", "in_doubt"),
    [
        ("forbidden", "AccessDeniedException", []),
        ("a bug", "", ["a bug"]),
    ],
)
def test_after_a_failure_nothing_more_is_sent(
    sent: list[str], failing: str, reason: str, in_doubt: list[str]
) -> None:
    assert commit("a", failing, "b", "c") == (reason, in_doubt)
    assert sent == ["a", failing]


def test_a_failure_of_one_run_does_not_stop_the_next(sent: list[str]) -> None:
    commit("a bug")
    sent.clear()

    assert commit("a", "b") is None
    assert sent == ["a", "b"]


def test_what_cannot_be_read_back_keeps_nothing_else_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        world.message(number)
    pks = [keys.message("INBOUND", ACCOUNT, message_id(number)) for number in (1, 2, 3)]
    read = store().client.batch_get_item

    def fail_for_the_second(**arguments: Any) -> Any:
        if pks[1] in str(arguments):
            raise FORBIDDEN
        return read(**arguments)

    monkeypatch.setattr(at_once, "LIMIT", 1)
    monkeypatch.setattr(store().client, "batch_get_item", fail_for_the_second)

    assert at_once.read_back(store(), pks, "pk", Deadline.never()).keys() == {pks[0], pks[2]}
