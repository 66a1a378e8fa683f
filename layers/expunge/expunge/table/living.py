"""The place of a living message in the indexes, told by its attributes. Storing and restoring write it."""

from collections.abc import Mapping

from expunge import timestamps, timetokens
from expunge.table import keys

_FAMILY = {"inbound_message": "INBOUND", "outbound_message": "OUTBOUND", "pull_event": "PULL"}


def place(message: Mapping[str, str]) -> dict[str, str]:
    """The index keys of a living message; none for a linked account's, which is in no index.

    `message` has its attributes as plain texts, without DynamoDB's types.
    """
    kind = message["kind"]
    if kind == "channel_message":
        return _in_channel(message)
    return _of_endpoint(_FAMILY[kind], message) if kind in _FAMILY else {}


def _of_endpoint(family: str, message: Mapping[str, str]) -> dict[str, str]:
    account_id, status, message_id = message["account_id"], message["status"], message["id"]
    at = timestamps.micros(timestamps.parse(message.get("received_at") or message["created_at"]))
    state_pk = keys.live(family, account_id, message["endpoint_id"], status)
    if family == "PULL":
        group_pk = keys.live_of_type(state_pk, message["event_type"])
    else:
        group_pk = keys.live_of_account(family, account_id, status, keys.account_shard(message_id))
    return {"state_pk": state_pk, "state_sk": keys.live_order(at, message_id), "group_pk": group_pk}


def _in_channel(message: Mapping[str, str]) -> dict[str, str]:
    timetoken = timetokens.order(timetokens.parse(message["timetoken"]))
    shard = keys.channel_shard(timetoken)
    state_pk = keys.live_channel(message["sub_key"], message["channel"], shard)
    return {"state_pk": state_pk, "state_sk": timetoken}
