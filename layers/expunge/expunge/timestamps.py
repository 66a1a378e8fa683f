"""Time as text: RFC 3339 in, fixed-width UTC out.

Because all texts are equally long, sorting them as text sorts them by time. Ranges of the indexes need that.
"""

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+\- ](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse(text: str) -> datetime:
    """Read RFC 3339 with an offset; digits beyond the microsecond are cut.

    A blank before the offset is a ``+`` that a client forgot to percent-encode. A leap second is the first
    instant of the next minute. Raises ValueError for anything else.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339")
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    offset = offset.upper().replace("Z", "+00:00").replace(" ", "+")
    written = f"{day}T{minute}:{'59' if leap else second}.{(fraction or '')[:6]:0<6}{offset}"
    try:
        moment = datetime.fromisoformat(written).astimezone(UTC)
        if leap:
            if (moment.hour, moment.minute) != (23, 59):
                raise ValueError("not a leap second")
            moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    except OverflowError as error:
        raise ValueError("out of range") from error
    return moment


def micros(moment: datetime) -> str:
    """UTC to the microsecond, always 27 characters: ``2026-04-05T14:23:11.123456Z``."""
    # A quarter of the time that a format string takes.
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def millis(moment: datetime) -> str:
    """UTC to the millisecond, always 24 characters: ``2026-04-05T14:23:11.123Z``."""
    return micros(moment)[:23] + "Z"


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
