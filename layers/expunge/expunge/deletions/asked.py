"""What somebody asks of a run of the purge: the event that invokes it."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from expunge import timestamps
from expunge.errors import InvalidRequest

_AHEAD = timedelta(minutes=5)


class Asked(NamedTuple):
    """The now of the run, and whether it only counts what is due."""

    now: datetime
    dry_run: bool

    @classmethod
    def by(cls, event: Any) -> "Asked":
        """Read an event. Raises InvalidRequest."""
        if not isinstance(event, dict):
            raise InvalidRequest("The event must be a JSON object")
        force, dry_run = (event.get(name, False) for name in ("force", "dry_run"))
        if not isinstance(force, bool):
            raise InvalidRequest("force must be true or false")
        if not isinstance(dry_run, bool):
            raise InvalidRequest("dry_run must be true or false")
        return cls(_now(event, any_time=force or dry_run), dry_run)


def is_ahead(now: datetime) -> bool:
    """Whether the time given to a run is further ahead of the clock than two correct clocks may differ."""
    return now > timestamps.now() + _AHEAD


def _now(event: dict[str, Any], *, any_time: bool) -> datetime:
    if "time" not in event:
        return timestamps.now()
    try:
        now = timestamps.parse(event["time"])
    except (TypeError, ValueError):
        raise InvalidRequest("time must be an RFC 3339 time with an offset") from None
    if is_ahead(now) and not any_time:
        raise InvalidRequest(
            'time is more than 5 minutes ahead of the clock; with "force": true it is taken all the same'
        )
    return now
