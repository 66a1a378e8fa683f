"""The filters of each delete-all, and what the caller is told who gives them wrongly.

A parameter that a call does not know is refused: a filter that is not understood would delete too much.
These are plain checks, because importing pydantic for a handful of parameters takes a fifth of a cold start,
and its core alone a tenth.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from expunge import timestamps
from expunge.errors import InvalidRequest
from expunge.table.search import Range
from expunge.vocabulary import INBOUND_STATUSES, LONGEST_EVENT_TYPE, OUTBOUND_STATUSES, PULL_STATUSES
from expunge.webhooks.parameters import A_UUID, refuse_unknown, uuid

_MOST: Final = 1000
_INSTANT: Final = "an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a delete-all asks for; what is not asked for is None."""

    status: Sequence[str]
    given: Mapping[str, Any]
    """What was asked for, as it was understood, by the names that callers use; without `dry_run`."""
    after: str | None = None
    before: str | None = None
    limit: int = _MOST
    dry_run: bool = False
    endpoint_id: str | None = None
    event_type: str | None = None

    @property
    def window(self) -> Range:
        """The times that match, as bounds of the index."""
        return Range(self.after or Range().first, self.before or Range().last)


class Parameter(NamedTuple):
    """One parameter of a query."""

    field: str
    """The field of the filters that it is read into."""
    read: Callable[[str], Any]
    """Raises ValueError for what it must not be."""
    must_be: str
    """What it must be, as callers are told."""


class Form:
    """The parameters that one family's delete-all takes."""

    def __init__(self, statuses: Sequence[str], times: str, **others: Parameter) -> None:
        """Take the parameters that all families have, two of them named after `times`, and further ones."""
        self._statuses = statuses
        self._after, self._before = f"{times}_after", f"{times}_before"
        self.parameters: Mapping[str, Parameter] = {
            "status": Parameter(
                "status", _list_of(statuses), f"a comma-separated list of {', '.join(statuses)}"
            ),
            self._after: Parameter("after", _instant, _INSTANT),
            self._before: Parameter("before", _instant, _INSTANT),
            "limit": Parameter("limit", _limit, f"a whole number from 1 to {_MOST}"),
            "dry_run": Parameter("dry_run", _boolean, "true or false"),
            **others,
        }

    def read(self, texts: Mapping[str, str]) -> Filters:
        """Check a query. Raises InvalidRequest with one sentence on the first thing that is wrong."""
        refuse_unknown(texts, self.parameters)
        read = {name: self._value(name, texts[name]) for name in self.parameters if name in texts}
        fields = {self.parameters[name].field: value for name, value in read.items()}
        given = {name: value for name, value in read.items() if name != "dry_run"}
        filters = Filters(**{"status": self._statuses, **fields}, given=given)
        if filters.after and filters.before and filters.after >= filters.before:
            raise InvalidRequest(f"{self._after} must be earlier than {self._before}")
        return filters

    def _value(self, name: str, text: str) -> Any:
        try:
            return self.parameters[name].read(text)
        except ValueError:
            raise InvalidRequest(f"{name} must be {self.parameters[name].must_be}") from None


def _list_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        named = {name.strip() for name in text.split(",")}
        if not named <= set(known):
            raise ValueError
        return [name for name in known if name in named]

    return read


def _instant(text: str) -> str:
    return timestamps.micros(timestamps.parse(text))


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None or not 1 <= int(text) <= _MOST:
        raise ValueError
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _event_type(text: str) -> str:
    text.encode()  # Half of a surrogate pair is no text, and DynamoDB takes none: this raises a ValueError.
    if not 1 <= len(text) <= LONGEST_EVENT_TYPE:
        raise ValueError
    return text


INBOUND_FILTERS: Final = Form(
    INBOUND_STATUSES, "received", inbound_endpoint_id=Parameter("endpoint_id", uuid, A_UUID)
)
"""Of POST /v1/inbound-messages/delete-all."""

OUTBOUND_FILTERS: Final = Form(
    OUTBOUND_STATUSES, "created", endpoint_id=Parameter("endpoint_id", uuid, A_UUID)
)
"""Of POST /v1/messages/delete-all."""

PULL_FILTERS: Final = Form(
    PULL_STATUSES,
    "received",
    event_type=Parameter("event_type", _event_type, f"1 to {LONGEST_EVENT_TYPE} characters long"),
)
"""Of POST /v1/pull-endpoints/{id}/events/delete-all."""
