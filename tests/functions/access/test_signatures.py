"""Signatures permit the very request that they are of, for a minute or so."""

import hmac
from typing import Any

import pytest

from expunge import timestamps
from tests.functions.access.asking import FORBIDDEN, answer, delete, denied, now, signed
from tests.world import World


def test_a_signature_permits_every_channel(world: World) -> None:
    world.channel_messages("a b", 1)

    reply = delete("ch1,a b", signed("ch1%2Ca%20b", f"end=0&timestamp={now()}"))

    assert reply.status == 200
    assert world.history("ch1") == world.history("a b") == []


def test_a_signature_is_over_the_body_as_well(world: World) -> None:
    query = signed("ch1", f"timestamp={now()}", b"{}")

    assert answer(delete("ch1", query)) == denied(403, FORBIDDEN, "ch1")
    assert delete("ch1", query, body="{}").status == 200
    assert world.history("ch1") == []


@pytest.mark.parametrize("off", [-60, 0, 60])
def test_a_timestamp_may_be_a_minute_off(off: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = timestamps.now()
    monkeypatch.setattr(timestamps, "now", lambda: stopped)

    assert delete("ch1", signed("ch1", f"timestamp={int(stopped.timestamp()) + off}")).status == 200


@pytest.mark.parametrize("timestamp", [-61, 61, None, "", "now", "1e9", "-1", "9" * 30])
def test_a_timestamp_that_is_missing_or_wrong_is_refused(
    world: World, timestamp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = timestamps.now()
    monkeypatch.setattr(timestamps, "now", lambda: stopped)
    written = int(stopped.timestamp()) + timestamp if isinstance(timestamp, int) else timestamp
    query = signed("ch1", "uuid=me" if written is None else f"timestamp={written}")

    assert answer(delete("ch1", query)) == denied(400, "Invalid Timestamp")
    assert world.history("ch1") == [1]


@pytest.mark.parametrize("signature", ["", "v2.", "x", "v2." + "A" * 43, "\N{PARTY POPPER}", "%00"])
def test_a_wrong_signature_is_refused(world: World, signature: str) -> None:
    query = f"timestamp={now()}&signature={signature}"

    assert answer(delete("ch1", query)) == denied(403, FORBIDDEN, "ch1")
    assert world.history("ch1") == [1]


def test_a_signature_does_not_count_for_another_request(world: World) -> None:
    query = signed("ch1", f"end=5&timestamp={now()}")

    for channels, changed in [
        ("ch2", query),
        ("ch1", query.replace("end=5", "end=0")),
        ("ch1", query + "&start=7"),
        ("ch1", query.replace("end=5&", "")),
        ("ch1", signed("ch1", f"timestamp={now()}", secret_key="sec-c-2")),
    ]:
        assert answer(delete(channels, changed)) == denied(403, FORBIDDEN, channels)
    assert world.history("ch1") == [1]


@pytest.mark.parametrize(
    "hidden",
    [
        "end%3D1%26start=2",
        "end=1%26start%3D2",
        "%65nd=1&st%61rt=2",
        "end=1&start=2&start=3",
        "end=1&end=1&start=2",
        "end=1,1&start=2",
        "END=1&START=2",
        "end=1;start=2",
        "end=1&start=2&=",
        "end=1&start=2&uuid=%FF",
    ],
)
def test_a_signature_for_one_message_never_deletes_another(world: World, hidden: str) -> None:
    world.channel_messages("ch1", 2, 3)
    query = signed("ch1", f"end=1&start=2&timestamp={now()}")

    assert delete("ch1", query.replace("end=1&start=2", hidden)).status in (400, 403)
    assert world.history("ch1") == [1, 2, 3]
    assert delete("ch1", query).status == 200
    assert world.history("ch1") == [2, 3]


def test_a_signature_counts_only_under_its_own_name_and_once(world: World) -> None:
    query = signed("ch1", f"timestamp={now()}")

    for changed in (
        query.replace("signature", "sig%6Eature"),
        query.replace("signature", "Signature"),
        query + "&signature=v2.x",
        query.replace("signature=", "signature=v2.x&signature="),
    ):
        assert delete("ch1", changed).status == 400
    assert world.history("ch1") == [1]


@pytest.fixture
def hmacs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all messages that are signed for comparison."""
    sizes: list[int] = []
    digest = hmac.digest

    def counted(key: bytes, message: bytes, algorithm: Any) -> bytes:
        sizes.append(len(message))
        return digest(key, message, algorithm)

    monkeypatch.setattr(hmac, "digest", counted)
    return sizes


def test_a_refusal_compares_a_signature_with_a_few_forms_however_the_channels_are_called(
    hmacs: list[int],
) -> None:
    wrong = f"pnsdk=a+b+c&timestamp={now()}&signature=v2.x"
    assert delete("ch1", wrong).status == 403
    assert len(hmacs) == 1

    hmacs.clear()
    assert delete(",".join(["!'()*~:@$&+=;"] * 50), wrong).status == 403
    assert len(hmacs) == 18


def test_a_signature_is_checked_again_only_if_the_keyset_has_changed(world: World, hmacs: list[int]) -> None:
    wrong = f"timestamp={now()}&signature=v2.x"
    delete("ch1", wrong)
    hmacs.clear()

    assert delete("ch1", wrong).status == 403
    assert len(hmacs) == 1

    world.keyset(access_manager=True, secret_key="sec-c-2")
    hmacs.clear()
    assert delete("ch1", signed("ch1", f"timestamp={now()}", secret_key="sec-c-2")).status == 200
    assert len(hmacs) == 3  # the test's own, with the remembered key, with the new one
