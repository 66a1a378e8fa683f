"""What records belong to, and what is said where that is not there."""

import pytest

from cli.main import run
from cli.settings import OWNED, OWNER, lacking, owner
from expunge.table.records import MESSAGE_KINDS, InboundMessage
from tests.cli.loading import AWS, ENDPOINT, KEYSET, Files, inbound, load, pull, table
from tests.world import LINKED, World

CHANNEL_MESSAGE = {"kind": "channel_message", "sub_key": "sub-c-1", "channel": "ch1", "timetoken": "1"}
LINKED_MESSAGE = {
    "kind": "linked_message",
    "account_id": "acc_1",
    "id": LINKED,
    "linked_account_id": "la_1",
    "provider_message_id": "wamid.1",
    "sent_at": "2026-04-05T14:23:11Z",
}
SETTINGS = (
    {"kind": "inbound_endpoint", "account_id": "acc_1", "id": ENDPOINT},
    {"kind": "pull_endpoint", "account_id": "acc_1", "id": ENDPOINT},
    {"kind": "linked_account", "account_id": "acc_1", "id": "la_1", "provider": "WHATSAPP"},
    KEYSET,
)


def test_messages_that_belong_to_nothing_are_loaded_and_what_they_lack_is_named(
    world: World, file: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = inbound(3, account_id="acc_2")
    messages = (inbound(1), inbound(2), elsewhere, pull(1), LINKED_MESSAGE, CHANNEL_MESSAGE)
    path = file(*messages)

    assert run(["load", *AWS, str(path)]) == 0
    lacking = (
        f"inbound_endpoint {ENDPOINT} of acc_1, inbound_endpoint {ENDPOINT} of acc_2,"
        f" pull_endpoint {ENDPOINT} of acc_1, linked_account la_1 of acc_1, keyset sub-c-1"
    )
    said = "expunge: messages that belong to what is not in the table: 6; load the records of "
    assert capsys.readouterr().err == f"{said}{lacking}\n"
    assert len(table(world)) == 6

    assert load(world, file(*messages, *SETTINGS, name="more.jsonl")).astray.keys() == {
        owner(InboundMessage(elsewhere))
    }
    assert list(load(world, file(*messages[3:], name="again.jsonl")).remarks) == []


@pytest.mark.usefixtures("world")
def test_of_much_that_is_lacking_ten_are_named(file: Files, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(*(inbound(n, account_id=f"a{n:02}") for n in range(12)))

    assert run(["load", *AWS, str(path)]) == 0
    names = ", ".join(f"inbound_endpoint {ENDPOINT} of a{n:02}" for n in range(10))
    assert capsys.readouterr().err.endswith(f": 12; load the records of {names} and 2 more\n")


def test_more_than_a_read_takes_are_looked_up(world: World) -> None:
    places = [owner(InboundMessage(inbound(1, account_id=f"a{n}"))) for n in range(101)]
    for n in (7, 100):
        world.inbound_endpoint(ENDPOINT, account_id=f"a{n}")

    assert list(lacking(world.store, places)) == [*places[:7], *places[8:100]]


def test_every_kind_of_message_belongs_to_something() -> None:
    assert set(OWNER) == set(MESSAGE_KINDS)
    assert {kind for kind, _ in OWNER.values()} == {*OWNED, "keyset"}


def test_settings_without_their_secrets_are_passed_over_with_a_word(
    world: World, file: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    world.keyset(sub_key="sub-c-1", secret_key="mine")
    before = table(world)
    without = {name: value for name, value in KEYSET.items() if name != "secret_key"}
    named = {"kind": "api_key", "account_id": "acc_1", "label": "x"}

    path = file(without, named | {"key_id": "key_1"}, named | {"key_id": "key_2"})
    assert run(["load", *AWS, str(path)]) == 0
    sentence = (
        "2 api_key and 1 keyset passed over, because they lack their secrets; make API keys by"
        " `expunge key create` and load keysets from where they came"
    )
    assert capsys.readouterr() == ("loaded 0 records\n", f"expunge: {sentence}\n")
    assert table(world) == before
