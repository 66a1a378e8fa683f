"""Timetokens: decimal integers of up to 19 digits that count 100 ns since the epoch.

A message's timetoken is the time at which it was published.
"""

import re
from datetime import UTC, datetime, timedelta

END = 10**19
"""The first number with more than 19 digits, which is larger than every timetoken."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int:
    """Read 1 to 19 digits. Raises ValueError for anything else."""
    if re.fullmatch(r"[0-9]{1,19}", text) is None:
        raise ValueError("no timetoken")
    return int(text)


def between(start: int | None, end: int | None) -> range:
    """The timetokens that a request means: `start` is excluded, `end` included, whichever is larger.

    Both: what lies between, nothing if they are equal. Only `start`: everything before. Only `end`: it and
    everything after. Neither: everything.
    """
    if start is None or end is None:
        return range(end or 0, END if start is None else start)
    return range(end, start) if end < start else range(start + 1, end + 1)


def asked(within: range) -> dict[str, str]:
    """Write a range as the API has it: messages before `start`, from `end` on; what says nothing is left out.

    It means the same as what was asked for, and need not be written in the same way.
    """
    said = {}
    if within.stop < END:
        said["start"] = str(within.stop)
    if within.start > 0:
        said["end"] = str(within.start)
    return said


def order(timetoken: int) -> str:
    """Write it with leading zeros, so that sorting texts sorts timetokens."""
    return f"{timetoken:019d}"


def after(moment: datetime) -> int:
    """The first timetoken that is later than that microsecond."""
    return ((moment - _EPOCH) // timedelta(microseconds=1) + 1) * 10


def moment(timetoken: int) -> datetime:
    """The microsecond that a timetoken falls into. Raises OverflowError after the year 9999."""
    return _EPOCH + timedelta(microseconds=timetoken // 10)
