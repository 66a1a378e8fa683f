"""What is another account's is answered exactly as what is not there, with the same calls of the store."""

import pytest

from tests.conftest import forget
from tests.strangers import keysets
from tests.strangers.accounts import Accounts
from tests.strangers.asking import ask
from tests.strangers.pairs import CURSORS, DELETIONS, KEYS, MESSAGES, OWN_KEYS, Make
from tests.world import World

PAIRS = {**MESSAGES, **DELETIONS, **CURSORS, **KEYS, **keysets.HISTORY}


@pytest.fixture
def accounts(world: World) -> Accounts:
    keysets.fill(world)
    return Accounts(world, times=2)


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_what_is_another_account_s_is_answered_as_what_is_not_there(accounts: Accounts, make: Make) -> None:
    pair = make(accounts)
    told = []
    for request in (pair.theirs, pair.nothing) * 2:
        forget()
        told.append(ask(pair.handler, request))

    assert told[0].status == pair.status
    assert told[1:] == [told[0]] * 3


@pytest.mark.parametrize("make", OWN_KEYS.values(), ids=OWN_KEYS)
def test_what_was_the_own_account_s_is_told(accounts: Accounts, make: Make) -> None:
    pair = make(accounts)

    own, unused = (ask(pair.handler, request) for request in (pair.theirs, pair.nothing))

    assert own.status == pair.status
    assert not own.same_answer(unused)
