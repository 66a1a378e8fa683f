"""Rows of a transaction, what of them was sent, and what the store says of each when it says no."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.failing import refusal

REFUSED, CONFLICT, FINE = "ConditionalCheckFailed", "TransactionConflict", "None"


class Row:
    """A record of so many items, each its own."""

    def __init__(self, name: str, items: int = 1) -> None:
        self.name = name
        self.items = items
        self.outcome: Any = "open"

    def writes(self, table: str) -> Sequence[dict[str, Any]]:
        return [{"Put": {"TableName": table, "Item": f"{self.name}{n}"}} for n in range(self.items)]

    def committed(self) -> None:
        self.outcome = "committed"

    def refused(self, found: dict[str, Any] | None) -> None:
        self.outcome = "refused", found


def cancelled(*reasons: str) -> ClientError:
    found = {"ConditionalCheckFailed": {"Item": {"pk": {"S": "found"}}}}
    return refusal(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": code, **found.get(code, {})} for code in reasons],
    )


class Sent:
    """The transactions that were sent, as lists of items, and their tokens."""

    def __init__(self) -> None:
        self.items: list[list[str]] = []
        self.tokens: list[str] = []
