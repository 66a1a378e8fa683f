from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import timestamps

# Off the ends of the calendar, where an offset would lead out of it.
MOMENTS = st.datetimes().filter(lambda moment: 2 <= moment.year <= 9998)
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, OFFSETS)
def test_what_python_writes_with_an_offset_is_read_to_the_microsecond(
    moment: datetime, offset: timezone
) -> None:
    given_moment = moment.replace(tzinfo=offset)

    assert timestamps.parse(given_moment.isoformat()) == given_moment


@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    first, second = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)

    assert (timestamps.micros(first) < timestamps.micros(second)) == (first < second)
    assert len(timestamps.micros(first)) == 27
    assert len(timestamps.millis(first)) == 24


@given(st.text(max_size=40))
def test_anything_else_is_refused_by_a_value_error(text: str) -> None:
    try:
        timestamps.parse(text)
    except ValueError:
        return
    assert text[:4].isdigit()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-04-05t14:23:11z", "2026-04-05T14:23:11.000000Z"),
        ("2026-04-05T14:23:11.1234569Z", "2026-04-05T14:23:11.123456Z"),
        ("2026-04-05T14:23:11.5-00:00", "2026-04-05T14:23:11.500000Z"),
        ("2026-04-05T14:23:11 02:00", "2026-04-05T12:23:11.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2017-01-01T00:59:60.5+01:00", "2017-01-01T00:00:00.000000Z"),
    ],
)
def test_every_form_of_rfc_3339_is_read(text: str, read: str) -> None:
    assert timestamps.micros(timestamps.parse(text)) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-04-05",
        "2026-04-05T14:23:11",
        "2026-04-05 14:23:11Z",
        "2026-04-05T14:23Z",
        "2026-04-05T14:23:11.Z",
        "2026-04-05T24:00:00Z",
        "2026-04-05T14:60:00Z",
        "2026-04-05T14:23:60Z",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "2026-04-05T14:23:11+24:00",
        "2026-04-05T14:23:11+0200",
        "٢٠٢٦-04-05T14:23:11Z",
        "2026-04-05T14:23:11Z\n",
    ],
)
def test_what_is_not_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        timestamps.parse(text)
