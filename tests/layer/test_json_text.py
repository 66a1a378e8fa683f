"""JSON that is stored is JSON: what reading lets through and no writer can write is refused."""

import pytest

from expunge.table import json_text


@pytest.mark.parametrize("text", [b"1e999", b"[-1e999]", b'{"a": 1e999}', b'["\\ud800", 1e999]'])
def test_a_number_beyond_the_range_of_a_double_is_not_written(text: bytes) -> None:
    value = json_text.read(text)

    with pytest.raises(ValueError, match="JSON compliant"):
        json_text.compact(value)


def test_words_for_such_numbers_are_words() -> None:
    assert json_text.compact(["Infinity", "-Infinity", "NaN"]) == b'["Infinity","-Infinity","NaN"]'


@pytest.mark.parametrize("innermost", [b"1", b'"\\ud800"'])
def test_what_is_nested_deeper_than_a_payload_may_be_is_refused_whatever_is_in_it(innermost: bytes) -> None:
    deepest = json_text.MAX_DEPTH + 1  # with the object around the payload

    assert json_text.read(b"[" * deepest + innermost + b"]" * deepest)
    with pytest.raises(json_text.NotJson, match="must not be nested deeper than 200 levels"):
        json_text.read(b"[" * (deepest + 1) + innermost + b"]" * (deepest + 1))
