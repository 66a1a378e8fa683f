"""How many messages the purge puts into a transaction, and how long it tries one before a smaller one."""

from collections.abc import Sequence
from typing import Any

import pytest

from expunge.deletions.pace import Pace, Patience
from expunge.table.transactions import Transaction


class Row:
    """Nothing that would ever be written."""

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        raise NotImplementedError

    def committed(self) -> None:
        raise NotImplementedError

    def refused(self, found: dict[str, Any] | None) -> None:
        raise NotImplementedError


def rows_after(pace: Pace, transactions: int) -> int:
    for _ in range(transactions):
        pace.went_well()
    return pace.rows


def test_a_transaction_that_was_too_large_halves_the_next_ones() -> None:
    pace = Pace(50)
    seen = [pace.rows]
    for rows in (50, 25, 50, 12, 1, 1):
        pace.too_many(rows)
        seen.append(pace.rows)

    # One of the old size that another thread had begun makes nothing larger again.
    assert seen == [50, 25, 12, 12, 6, 1, 1]


def test_four_transactions_that_went_well_make_the_next_ones_larger_by_one_up_to_the_most() -> None:
    pace = Pace(13)
    pace.too_many(23)

    assert [rows_after(pace, 1) for _ in range(12)] == [11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 13]


def test_after_one_that_was_too_large_all_four_are_asked_for_again() -> None:
    pace = Pace(50)
    pace.too_many(50)
    rows_after(pace, 3)
    pace.too_many(20)

    assert [rows_after(pace, 1) for _ in range(4)] == [10, 10, 10, 11]


def test_a_transaction_is_tried_three_times_before_a_smaller_one() -> None:
    patience = Patience(Transaction([Row(), Row()]))

    assert [(patience.ends(), patience.ended) for _ in range(4)] == [*[(False, False)] * 3, (True, True)]


def test_a_single_message_is_tried_for_as_long_as_there_is_time() -> None:
    patience = Patience(Transaction([Row()]))

    assert [patience.ends() for _ in range(20)] == [False] * 20
    assert not patience.ended


def test_a_store_that_settles_some_rows_is_given_three_more_attempts() -> None:
    transaction = Transaction([Row(), Row(), Row()])
    patience = Patience(transaction)

    before = [patience.ends() for _ in range(3)]
    transaction.open.pop()
    after = [patience.ends() for _ in range(4)]

    assert before == [False] * 3
    assert after == [False, False, False, True]


def test_nothing_is_made_smaller_while_an_answer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction([Row(), Row()])
    patience = Patience(transaction)
    monkeypatch.setattr(Transaction, "in_doubt", property(lambda self: self.open))

    assert [patience.ends() for _ in range(20)] == [False] * 20
    monkeypatch.undo()
    assert [patience.ends() for _ in range(4)] == [False, False, False, True]
