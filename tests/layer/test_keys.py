import pytest

from expunge.table import keys
from expunge.table.keys import Identity, identity


@pytest.mark.parametrize(
    ("pk", "expected"),
    [
        (keys.message("INBOUND", "acc_1", "1-a"), Identity("inbound", "acc_1", "1-a")),
        (keys.message("OUTBOUND", "acc_1", "1-a"), Identity("outbound", "acc_1", "1-a")),
        (keys.pull_event("acc_1", "endpoint", "1-a"), Identity("pull", "acc_1", "1-a")),
        (keys.linked_message("acc_1", "msg_1"), Identity("linked", "acc_1", "msg_1")),
        (keys.channel_message("sub", "ch", f"{7:019d}"), Identity("channel", "sub", "7", "ch")),
        (keys.channel_message("sub", "a#b#", "1" * 19), Identity("channel", "sub", "1" * 19, "a#b#")),
    ],
)
def test_a_messages_partition_key_tells_whose_it_is(pk: str, expected: Identity) -> None:
    assert identity(pk) == expected


@pytest.mark.parametrize(
    "pk",
    [
        "",
        "INBOUND",
        "INBOUND#a",
        "INBOUND#a#b#c",
        "PULL#a#b",
        "CHANNEL#s#7",
        "CHANNEL#s#c#x",
        "KEYSET#s#",
        "PULL#a##b",
        "INBOUND#a#",
    ],
)
def test_another_items_partition_key_is_refused(pk: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        identity(pk)
