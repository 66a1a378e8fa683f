"""What a transaction sends, in which order, and what it knows of its rows whatever the store answers."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from expunge.chance import chance
from expunge.deadline import Deadline
from expunge.errors import OutOfTime, Throttled, Unavailable
from expunge.table.store import Store, key
from expunge.table.transactions import Transaction
from tests.failing import LOST, refusal
from tests.layer.rows import CONFLICT, FINE, REFUSED, Row, Sent, cancelled
from tests.world import RunningOut, World

NEVER_SENT = ConnectTimeoutError(endpoint_url="https://dynamodb.example")


@pytest.fixture
def store(world: World) -> Store:
    return world.store


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, without sleeping it."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def answers(store: Store, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Callable[..., Sent]:
    """Have the store answer in this way, attempt after attempt; a None is a yes."""
    assert pauses == []

    def script(*replies: Exception | None) -> Sent:
        sent, left = Sent(), list(replies)

        def transact(**arguments: Any) -> None:
            sent.items.append([write["Put"]["Item"] for write in arguments["TransactItems"]])
            sent.tokens.append(arguments["ClientRequestToken"])
            if (reply := left.pop(0)) is not None:
                raise reply

        monkeypatch.setattr(store.client, "transact_write_items", transact)
        return sent

    return script


def never() -> bool:
    return False


def commit(store: Store, transaction: Transaction[Row], deadline: Deadline | None = None) -> None:
    transaction.commit(store, deadline or Deadline.never(), never)


def test_rows_of_unequal_length_are_told_apart_by_their_own_items(
    store: Store, answers: Callable[..., Sent]
) -> None:
    rows = [Row("a"), Row("b", 3), Row("c", 2), Row("d")]
    sent = answers(cancelled(FINE, FINE, FINE, REFUSED, FINE, FINE, FINE), None)

    commit(store, Transaction(rows))

    found = {"pk": {"S": "found"}}
    assert [row.outcome for row in rows] == ["committed", ("refused", found), "committed", "committed"]
    assert sent.items[1] == ["a0", "c0", "c1", "d0"]


@pytest.mark.parametrize("reasons", [(REFUSED, "ValidationError", FINE), (FINE, "ValidationError", REFUSED)])
def test_a_row_that_is_never_taken_leaves_those_open_that_are_not_settled(
    store: Store, answers: Callable[..., Sent], reasons: Sequence[str]
) -> None:
    """What was told that it is refused is not written again by whoever writes the rest in smaller parts."""
    rows = [Row("a"), Row("b"), Row("c")]
    transaction = Transaction(rows)
    answers(cancelled(*reasons))

    with pytest.raises(Unavailable, match="ValidationError"):
        commit(store, transaction)

    told = {row.name for row in rows if row.outcome != "open"}
    assert told == {rows[reasons.index(REFUSED)].name}
    assert {row.name for row in transaction.open} == {"a", "b", "c"} - told


def test_what_is_left_after_rows_were_taken_out_has_a_token_of_its_own(
    store: Store, answers: Callable[..., Sent]
) -> None:
    sent = answers(cancelled(REFUSED, FINE), None)

    commit(store, Transaction([Row("a"), Row("b")]))

    assert sent.items == [["a0", "b0"], ["b0"]]
    assert sent.tokens[0] != sent.tokens[1]


@pytest.mark.parametrize(
    "error", [LOST, refusal("ThrottlingException"), cancelled(FINE, "ThrottlingError")], ids=str
)
def test_a_repetition_of_the_same_rows_has_the_same_token(
    store: Store, answers: Callable[..., Sent], error: Exception
) -> None:
    sent = answers(error, None)

    commit(store, Transaction([Row("a"), Row("b")]))

    assert sent.items[0] == sent.items[1]
    assert sent.tokens[0] == sent.tokens[1]


def test_two_transactions_have_different_tokens(store: Store, answers: Callable[..., Sent]) -> None:
    sent = answers(None, None)

    commit(store, Transaction([Row("a")]))
    commit(store, Transaction([Row("a")]))

    assert sent.tokens[0] != sent.tokens[1]


def test_contested_rows_are_put_off_and_the_others_sent_at_once(
    store: Store, answers: Callable[..., Sent], pauses: list[float]
) -> None:
    rows = [Row("a"), Row("b"), Row("c")]
    pauses_when_sent: list[int] = []
    sent = answers(cancelled(FINE, CONFLICT, REFUSED), None, None)
    transact = store.client.transact_write_items

    def watched(**arguments: Any) -> Any:
        pauses_when_sent.append(len(pauses))
        return transact(**arguments)

    store.client.transact_write_items = watched  # type: ignore[method-assign]
    commit(store, Transaction(rows))

    assert sent.items == [["a0", "b0", "c0"], ["a0"], ["b0"]]
    assert pauses_when_sent == [0, 0, 1]
    assert len(set(sent.tokens)) == 3
    assert [row.outcome[:9] for row in rows[:2]] == ["committed", "committed"]


def test_a_conflict_is_waited_for_in_tens_of_milliseconds_and_throttling_for_longer(
    store: Store, answers: Callable[..., Sent], pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chance, "uniform", lambda _, most: most)
    answers(*[cancelled(CONFLICT)] * 8, None)
    commit(store, Transaction([Row("a")]))
    assert pauses == [0.04, 0.08, 0.16, 0.2, 0.2, 0.2, 0.2, 0.2]

    pauses.clear()
    answers(*[refusal("ThrottlingException")] * 8, None)
    commit(store, Transaction([Row("a")]))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("no", [cancelled(CONFLICT), refusal("ThrottlingException")])
def test_a_store_that_says_no_for_hours_is_still_asked(
    store: Store, answers: Callable[..., Sent], pauses: list[float], no: Exception
) -> None:
    answers(*[no] * 2000, None)

    commit(store, Transaction([row := Row("a")]))

    assert (row.outcome, len(pauses)) == ("committed", 2000)


def test_a_conflict_without_end_ends_with_the_time(store: Store, answers: Callable[..., Sent]) -> None:
    answers(*[cancelled(CONFLICT)] * 1000)
    transaction = Transaction([Row("a")])

    with pytest.raises(Throttled, match=r"^TransactionConflict$"):
        commit(store, transaction, Deadline(iter(range(24_000, 0, -100)).__next__))

    assert transaction.in_doubt == []


@pytest.mark.parametrize(("no", "why"), [(refusal("ThrottlingException"), Throttled), (LOST, Unavailable)])
def test_a_pause_that_outlasts_the_time_ends_with_what_the_store_said(
    store: Store, answers: Callable[..., Sent], no: Exception, why: type[Exception]
) -> None:
    sent = answers(no)
    left = iter([24_000, 24_000, 20_000, 12_000])  # of 24 s, the last 13 are too late to begin

    with pytest.raises(why):
        commit(store, Transaction([Row("a")]), Deadline(left.__next__))

    assert (len(sent.items), next(left, None)) == (1, None)


@pytest.mark.parametrize(
    ("replies", "doubtful"),
    [
        ([refusal("AccessDeniedException")], []),
        ([NEVER_SENT, refusal("AccessDeniedException")], []),
        ([LOST, refusal("AccessDeniedException")], ["a", "b"]),
        ([refusal("InternalServerError", 500), refusal("AccessDeniedException")], ["a", "b"]),
        ([cancelled(REFUSED, FINE), refusal("AccessDeniedException")], []),
        ([LOST, cancelled(REFUSED, FINE), refusal("AccessDeniedException")], ["b"]),
        # b's own write was answered; but as long as the first attempt is on its way, it has both in it.
        ([LOST, cancelled(CONFLICT, FINE), refusal("AccessDeniedException")], ["a", "b"]),
        # b is written, so the first attempt fails on it from now on.
        ([LOST, cancelled(CONFLICT, FINE), None, refusal("AccessDeniedException")], []),
    ],
)
def test_rows_are_in_doubt_as_long_as_an_attempt_with_them_has_no_answer(
    store: Store, answers: Callable[..., Sent], replies: list[Exception | None], doubtful: list[str]
) -> None:
    answers(*replies)
    transaction = Transaction([Row("a"), Row("b")])

    with pytest.raises(Unavailable):
        commit(store, transaction)

    assert [row.name for row in transaction.in_doubt] == doubtful


def test_a_store_that_never_answers_is_given_up_after_five_attempts(
    store: Store, answers: Callable[..., Sent]
) -> None:
    sent = answers(*[LOST] * 6)

    with pytest.raises(Unavailable):
        commit(store, Transaction([Row("a")]))

    assert len(sent.items) == 5


def test_an_item_that_the_store_will_never_take_ends_it(store: Store, answers: Callable[..., Sent]) -> None:
    answers(cancelled(FINE, "ItemCollectionSizeLimitExceeded"))

    with pytest.raises(Unavailable, match="ItemCollectionSizeLimitExceeded"):
        commit(store, Transaction([Row("a"), Row("b")]))


def test_nothing_is_begun_when_time_is_up_or_others_have_failed(
    store: Store, answers: Callable[..., Sent]
) -> None:
    sent = answers()
    too_late = RunningOut(seconds=24)
    deadline = Deadline(too_late.get_remaining_time_in_millis)
    too_late.seconds = 13

    for late, give_up in ((deadline, never), (Deadline.never(), lambda: True)):
        transaction = Transaction([Row("a")])
        with pytest.raises(OutOfTime):
            transaction.commit(store, late, give_up)
        assert [row.name for row in transaction.open] == ["a"]
        assert transaction.in_doubt == []
    assert sent.items == []


def test_whoever_looks_while_an_answer_is_taken_in_sees_each_row_as_written_or_in_doubt(store: Store) -> None:
    seen: list[bool] = []

    class Watched(Row):
        def writes(self, table: str) -> Sequence[dict[str, Any]]:
            return [{"Put": {"TableName": table, "Item": key(self.name, "MESSAGE")}}]

        def committed(self) -> None:
            seen.append(self in transaction.in_doubt)
            super().committed()

    transaction = Transaction([Watched("a"), Watched("b")])
    transaction.commit(store, Deadline.never(), lambda: False)

    assert seen == [True, True]
    assert transaction.in_doubt == []
