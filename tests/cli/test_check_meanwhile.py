"""A mend while others are at work: it takes nothing from what they store meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli import check
from expunge.table import keys
from expunge.table.store import Store
from tests.cli.damage import DELETION, change, delete, everything, pk, remove
from tests.world import ACCOUNT, INBOUND, World, at, message_id


def restore(world: World) -> None:
    place = {"state_pk": keys.live("INBOUND", ACCOUNT, INBOUND, "succeeded")}
    place |= {"state_sk": keys.live_order(at(1), message_id(1))}
    shard = keys.account_shard(message_id(1))
    place["group_pk"] = keys.live_of_account("INBOUND", ACCOUNT, "succeeded", shard)
    change(
        world,
        pk(1),
        "SET state_pk = :state_pk, state_sk = :state_sk, group_pk = :group_pk"
        " REMOVE deleted_at, deleted_by, delete_request_id, purge_at",
        **place,
    )


def purge(world: World) -> None:
    remove(world, pk(1), keys.CONTENT)
    remove(world, pk(1), keys.MESSAGE)


def store(world: World) -> None:
    world.message(1)


def store_deleted(world: World) -> None:
    world.message(1, **DELETION)


MEANWHILE: list[Callable[[World], None]] = [delete, restore, purge, store, store_deleted]
DAMAGE: list[Callable[[World], None]] = [
    lambda world: remove(world, pk(1), keys.MESSAGE),
    lambda world: change(world, pk(1), "REMOVE state_pk, state_sk"),
    lambda world: change(world, pk(1), "SET state_sk = :new", new="0"),
]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sampled_from([store, store_deleted]),
    damage=st.sampled_from(DAMAGE),
    meanwhile=st.lists(st.sampled_from(MEANWHILE), max_size=3),
)
def test_a_mend_takes_nothing_from_what_a_writer_stores_meanwhile(
    world: World,
    before: Callable[[World], None],
    damage: Callable[[World], None],
    meanwhile: list[Callable[[World], None]],
) -> None:
    """Writers come in between the look and the write, each time."""
    before(world)
    damage(world)
    seen: list[Any] = []
    transact = Store.transact

    def raced(*arguments: Any) -> None:
        if meanwhile:
            meanwhile.pop()(world)
        seen[:] = everything(world)
        transact(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "transact", raced)
        found = list(check.findings(world.store, mend=True, looked_at=lambda _: None))

    left = everything(world)
    if any(item["sk"]["S"] == keys.MESSAGE for item in seen):
        assert [without_place(item) for item in left] == [without_place(item) for item in seen]
    else:
        assert left == []
    assert list(check.findings(world.store, mend=False, looked_at=lambda _: None)) == [
        each for each in found if not each.mended
    ]
    purge(world)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_its_writer_mends_meanwhile_is_not_told_as_mended(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[World], None],
) -> None:
    store(world)
    damage(world)
    transact = Store.transact

    def after_its_writer(*arguments: Any) -> None:
        store(world)
        transact(*arguments)

    monkeypatch.setattr(Store, "transact", after_its_writer)
    assert list(check.findings(world.store, mend=True, looked_at=lambda _: None)) == []


def without_place(item: Any) -> Any:
    return {name: value for name, value in item.items() if name not in ("state_pk", "state_sk", "group_pk")}
