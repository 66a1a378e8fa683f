"""Which messages a deletion takes next, alone and beside others."""

from collections.abc import Callable, Iterator

import pytest

from expunge.deletions.candidates import Candidates
from expunge.deletions.soft_delete import Deletion, Target
from expunge.errors import Unavailable
from expunge.table import keys
from expunge.table.flags import NOT_DELETED
from expunge.table.search import Found, Partition, Range

DELETION = Deletion("req_1", "key_1", "2026-05-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z")
QUEUED, FAILED = (Partition(keys.BY_STATE, f"LIVE#{status}") for status in ("queued", "failed"))


class Search:
    """Finds what it is given; remembers how far it was read and how large pages may be."""

    def __init__(self, *found: Found) -> None:
        self.found = found
        self.read = 0
        self.page: Callable[[], int] = lambda: 0

    def __call__(self, page: Callable[[], int]) -> Iterator[Found]:
        self.page = page
        for each in self.found:
            self.read += 1
            yield each


def messages(count: int) -> list[Found]:
    return [Found(f"{number:05d}", f"pk{number}", QUEUED) for number in range(count)]


def candidates(search: Search, limit: int) -> Candidates:
    return Candidates(DELETION, [QUEUED, FAILED], Range("00000", "99999"), search, limit)


def numbers(targets: list[Target]) -> list[int]:
    return [int(target.pk.removeprefix("pk")) for target in targets]


def lose(targets: list[Target]) -> None:
    """Others have deleted them."""
    for target in targets:
        target.refused({"deleted_at": {"S": "2026-05-01T00:00:00.000Z"}})


def win(targets: list[Target]) -> None:
    for target in targets:
        target.committed()


def test_alone_it_takes_the_oldest_and_reads_no_further() -> None:
    search = Search(*messages(1000))
    alone = candidates(search, 10)

    first, _ = alone.take(10)
    win(first[:7])
    for target in first[7:]:
        target.refused(None)  # purged meanwhile
    alone.settle(first)
    second, _ = alone.take(3)

    assert numbers(first + second) == list(range(13))
    assert search.read == 20
    assert search.page() == 10


def test_after_losing_it_takes_a_stretch_that_others_with_the_same_limit_would_take_as_a_whole() -> None:
    starts = set()
    for _ in range(100):
        search = Search(*messages(1000))
        loser = candidates(search, 10)
        taken, _ = loser.take(10)
        lose(taken)
        loser.settle(taken)

        taken, _ = loser.take(10)

        assert numbers(taken) == list(range(numbers(taken)[0], numbers(taken)[0] + 10))
        assert search.read == 170
        assert search.page() == 160
        starts.add(numbers(taken)[0])
    assert starts <= set(range(10, 170, 10))
    assert len(starts) > 5


def test_however_much_is_lost_every_message_is_taken_once_before_it_ends() -> None:
    loser = candidates(Search(*messages(333)), 10)
    seen: list[int] = []

    while (taken := loser.take(10))[0]:
        lose(taken[0])
        loser.settle(taken[0])
        seen += numbers(taken[0])

    assert seen[:10] == list(range(10))
    assert sorted(seen) == list(range(333))


def test_a_message_that_was_seen_in_two_places_is_one_target_with_both() -> None:
    search = Search(Found("1", "pk1", QUEUED), Found("1", "pk1", FAILED), Found("2", "pk2", FAILED))

    [first, second], _ = candidates(search, 10).take(10)

    assert (first.pk, first.place, first.elsewhere) == ("pk1", QUEUED, [FAILED])
    assert (second.pk, second.place, second.elsewhere) == ("pk2", FAILED, [])
    condition = first.write("t")["Update"]["ConditionExpression"]
    assert condition.startswith(f"(state_pk = :place0 OR state_pk = :place1) AND {NOT_DELETED}")


def test_a_deleted_message_that_shows_up_again_is_not_taken_again() -> None:
    twice = candidates(Search(Found("1", "pk1", QUEUED), Found("1", "pk1", FAILED)), 1)

    taken, _ = twice.take(1)
    win(taken)
    twice.settle(taken)

    assert twice.take(1) == ([], None)


@pytest.mark.parametrize(
    ("state_pk", "state_sk", "again"),
    [
        (FAILED.pk, "00001", [FAILED]),
        (QUEUED.pk, "00007", [QUEUED]),
        ("LIVE#succeeded", "00001", []),
        (FAILED.pk, "A", []),
    ],
    ids=["another matching place", "another time that matches", "no matching place", "out of the window"],
)
def test_a_message_that_moved_is_taken_again_where_it_is_if_it_still_matches(
    state_pk: str, state_sk: str, again: list[Partition]
) -> None:
    moving = candidates(Search(*messages(1)), 1)
    taken, _ = moving.take(1)
    taken[0].refused({"state_pk": {"S": state_pk}, "state_sk": {"S": state_sk}})
    moving.settle(taken)

    taken, _ = moving.take(1)

    assert [target.place for target in taken] == again


def test_what_was_found_before_the_store_failed_is_taken_and_the_failure_told() -> None:
    def search(_: Callable[[], int]) -> Iterator[Found]:
        yield from messages(2)
        raise Unavailable

    taken, error = Candidates(DELETION, [QUEUED], Range(), search, 10).take(10)

    assert numbers(taken) == [0, 1]
    assert isinstance(error, Unavailable)
