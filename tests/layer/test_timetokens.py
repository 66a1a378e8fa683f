from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import timetokens

# Close together, so that they often meet, and of every length.
TIMETOKENS = st.one_of(st.integers(0, 5), st.integers(0, timetokens.END - 1))
MAYBE = st.one_of(st.none(), TIMETOKENS)


def in_range(timetoken: int, start: int | None, end: int | None) -> bool:
    """What PubNub documents of start and end, sentence by sentence."""
    if start is None and end is None:
        return True
    if end is None:
        return timetoken < start  # type: ignore[operator] # the line above saw to it
    if start is None:
        return timetoken >= end
    if start > end:
        return end <= timetoken < start
    return start < timetoken <= end


@given(TIMETOKENS, MAYBE, MAYBE)
def test_the_range_is_what_document_004_says(timetoken: int, start: int | None, end: int | None) -> None:
    assert (timetoken in timetokens.between(start, end)) is in_range(timetoken, start, end)


@given(TIMETOKENS)
def test_a_message_is_meant_by_the_timetoken_after_it_and_its_own(timetoken: int) -> None:
    assert timetokens.between(start=timetoken + 1, end=timetoken) == range(timetoken, timetoken + 1)


@given(TIMETOKENS, TIMETOKENS)
def test_text_order_is_order_by_number(one: int, other: int) -> None:
    assert (timetokens.order(one) < timetokens.order(other)) is (one < other)
    assert int(timetokens.order(one)) == one


@pytest.mark.parametrize("text", ["0", "9" * 19, "0" * 19, "007"])
def test_1_to_19_digits_are_a_timetoken(text: str) -> None:
    assert timetokens.parse(text) == int(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1" * 20,
        "-1",
        "+1",
        "1.0",
        " 1",
        "1\n",
        "1_0",
        "0x1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "\N{SUPERSCRIPT TWO}",
    ],
)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(ValueError, match="no timetoken"):
        timetokens.parse(text)


def test_every_timetoken_of_a_microsecond_is_before_what_is_after_it() -> None:
    moment = datetime(2026, 11, 22, 2, 11, 57, 123456, tzinfo=UTC)

    assert timetokens.after(moment) == 17953135171234570
