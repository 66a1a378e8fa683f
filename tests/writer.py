"""A platform's own writer, which changes messages in the table while they are being deleted."""

import json
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from expunge.table.flags import NOT_DELETED
from expunge.table.items import items
from expunge.table.records import parse
from tests.world import ACCOUNT, INBOUND, PULL, World, at, message_id


@dataclass
class Writer:
    """Inserts messages and changes their statuses, each write conditional, as writers are told to."""

    world: World
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The record of each message, as it was written last, by id."""

    def message(self, number: int, **fields: Any) -> str:
        """Insert an inbound message."""
        own = {"kind": "inbound_message", "inbound_endpoint_id": INBOUND, "status": "succeeded"}
        return self._insert(own | {"id": message_id(number), "received_at": at(number)} | fields)

    def event(self, number: int, **fields: Any) -> str:
        """Insert a pull event."""
        own = {
            "kind": "pull_event",
            "pull_endpoint_id": PULL,
            "status": "stored",
            "event_type": "order.created",
        }
        return self._insert(own | {"id": message_id(number), "received_at": at(number)} | fields)

    def _insert(self, record: dict[str, Any]) -> str:
        record = {"account_id": ACCOUNT, **record}
        self.world.load(record)
        self.records[record["id"]] = record
        return str(record["id"])

    def set_status(self, message_id: str, status: str) -> bool:
        """Move a message to another status and place in the index; False if it has been deleted meanwhile."""
        old, new = self.records[message_id], self.records[message_id] | {"status": status}
        item = items(parse(json.dumps(new).encode()))[0]
        places = [name for name in ("state_pk", "group_pk") if name in item]
        try:
            self.world.store.client.update_item(
                TableName=self.world.store.table,
                Key={name: item[name] for name in ("pk", "sk")},
                UpdateExpression="SET #status = :status" + "".join(f", {name} = :{name}" for name in places),
                ConditionExpression=f"{NOT_DELETED} AND #status = :old",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":status": {"S": status},
                    ":old": {"S": old["status"]},
                    **{f":{name}": item[name] for name in places},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        self.records[message_id] = new
        return True
