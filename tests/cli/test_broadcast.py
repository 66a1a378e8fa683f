import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cli import broadcast
from cli.broadcast import Broadcast, Event
from cli.gateway import Message


def event(number: int, size: int = 0) -> Event:
    return Event("expunge", "Messages Deleted", json.dumps({"ids": [str(number)], "by": "x" * size}))


class Reader:
    """A client of /events, driven as an ASGI server would drive it."""

    def __init__(self, events: Broadcast, last_event_id: str = "") -> None:
        self.text = ""
        self.status = 0
        self.reads = asyncio.Event()
        self.reads.set()
        self._gone = asyncio.Event()
        headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
        self.task = asyncio.create_task(events.answer({"headers": headers}, self._receive, self._send))

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    def leave(self) -> None:
        self._gone.set()

    @property
    def heard(self) -> list[str]:
        """The ids of the messages that the events were about."""
        data = re.findall(r"^data: (.*)$", self.text, re.MULTILINE)
        return [json.loads(each)["detail"]["ids"][0] for each in data]

    @property
    def last_event_id(self) -> str:
        ids: list[str] = re.findall(r"^id: (.*)$", self.text, re.MULTILINE)
        return ids[-1]


def play(scenario: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await scenario()

    return asyncio.run(run())


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def test_a_reader_hears_whole_events_from_the_moment_of_connecting() -> None:
    async def scenario() -> str:
        events = Broadcast()
        events.put(event(1))
        reader = Reader(events)
        await settled()
        events.put(Event("expunge", "Messages Purged", '{"ids":["2"],"channel":"é"}'))
        await settled()
        events.close()
        await reader.task
        assert reader.status == 200
        return reader.text

    text = play(scenario)
    comment, frame, rest = text.split("\n\n")
    assert (comment[0], rest) == (":", "")
    name, data = frame.splitlines()
    assert re.fullmatch(r"id: [0-9a-f]{8}-1", name)
    assert json.loads(data.removeprefix("data: ")) == {
        "source": "expunge",
        "detail-type": "Messages Purged",
        "detail": {"ids": ["2"], "channel": "é"},
    }


def test_whoever_comes_back_hears_what_was_missed_as_far_as_it_is_remembered() -> None:
    async def scenario() -> None:
        events = Broadcast(most=3)
        first = Reader(events)
        await settled()
        events.put(event(1))
        await settled()
        first.leave()
        await first.task
        events.put(event(2))
        again = Reader(events, first.last_event_id)
        stranger = Reader(events, "0badc0de-7")
        nonsense = Reader(events, "9" * 5000)
        await settled()
        assert again.heard == ["2"]
        assert stranger.heard == nonsense.heard == ["1", "2"]
        for number in range(3, 8):
            events.put(event(number))
        late = Reader(events, first.last_event_id)
        await settled()
        assert late.heard == ["5", "6", "7"]
        events.close()
        await asyncio.gather(again.task, stranger.task, nonsense.task, late.task)

    play(scenario)


def test_what_is_remembered_is_bounded_in_number_and_in_size() -> None:
    async def scenario() -> None:
        many, large = Broadcast(most=10), Broadcast(most_bytes=100_000)
        for number in range(1000):
            many.put(event(number))
            large.put(event(number, 9_900))
        for events, kept in ((many, 10), (large, 10)):
            reader = Reader(events, "0-0")
            await settled()
            assert len(reader.heard) in (kept, kept - 1)
            events.close()
            await reader.task

    play(scenario)


def test_a_reader_that_falls_behind_what_is_remembered_is_dropped_and_others_are_not() -> None:
    async def scenario() -> None:
        events = Broadcast(most=5)
        slow, quick = Reader(events), Reader(events)
        await settled()
        slow.reads.clear()
        for number in range(20):
            events.put(event(number))
            await settled()
        slow.reads.set()
        await slow.task
        assert not quick.task.done()
        assert quick.heard == [str(number) for number in range(20)]
        events.close()
        await quick.task

    play(scenario)


def test_a_reader_that_does_not_read_at_all_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "PATIENCE", 0.01)

    async def scenario() -> None:
        events = Broadcast()
        stuck = Reader(events)
        await settled()
        stuck.reads.clear()
        events.put(event(1))
        await stuck.task

    play(scenario)


def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "HEARTBEAT", 0.001)

    async def scenario() -> None:
        events = Broadcast()
        reader = Reader(events)
        async with asyncio.timeout(60):
            while reader.text.count(": still here\n\n") < 2:  # noqa: ASYNC110 - nobody tells that one came
                await asyncio.sleep(0.001)
        reader.leave()
        await reader.task

    play(scenario)
