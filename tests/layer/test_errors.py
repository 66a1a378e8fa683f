"""The code that AWS gives with an error is repeated, and what is none is not."""

import pytest

from expunge.errors import code_of


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "NoSuchBucket", "404", "AWS.SimpleQueueService.NonExistentQueue"]
)
def test_a_code_is_repeated(code: str) -> None:
    assert code_of(code) == code


@pytest.mark.parametrize(
    "given", ["the key hb_live_1", "hb_live_1", "a.b", "4040", "A" * 65, "Throttling\n", "", None, ["Code"]]
)
def test_what_is_no_code_is_not_repeated(given: object) -> None:
    assert code_of(given) == "UnknownCode"
