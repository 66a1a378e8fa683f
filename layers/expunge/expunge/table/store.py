"""The table: DynamoDB calls that keep to the invocation's deadline, and one client a process for them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from expunge.deadline import Deadline
from expunge.settings import settings
from expunge.table.retries import Retry, repeat
from expunge.table.sending import guard
from expunge.table.session import session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    # The SDK repeats nothing: retries.py does so, within the deadline.
    retries={"total_max_attempts": 1},
    # Half the CPU of a large transaction goes into checking parameters that this package writes itself.
    parameter_validation=False,
    tcp_keepalive=True,
    # The SDK's own name for itself describes the machine, and is put together anew, twice, for every request.
    user_agent="expunge",
)

CONDITION_FAILED = "ConditionalCheckFailed"

Item = dict[str, Any]
"""An item, or some attributes of one, as DynamoDB writes them: ``{"pk": {"S": "..."}}``."""

ReplyT = TypeVar("ReplyT")


class Page(NamedTuple):
    """One page of a query and where the next one starts."""

    items: list[Item]
    start: Item | None


class ConditionFailed(Exception):
    """Nothing was written; `found` is the item that failed the condition, None if there is none."""

    def __init__(self, found: Item | None) -> None:
        super().__init__(CONDITION_FAILED)
        self.found = found


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


class Store:
    """The table's reads and writes, each repeated as `retries.py` decides.

    A write whose answer got lost may have been made, and is sent again. So whoever writes on a condition that
    then fails must recognise what the write itself has written.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        guard(client)
        self.client = client
        self.table = table

    def get(self, pk: str, sk: str, deadline: Deadline, projection: str) -> Item | None:
        """One item, as the last write left it; None where there is none. Raises StoreError."""
        reply = repeat(
            partial(
                self.client.get_item,
                TableName=self.table,
                Key=key(pk, sk),
                ConsistentRead=True,
                ProjectionExpression=projection,
            ),
            deadline,
        )
        item: Item | None = reply.get("Item")
        return item

    def get_batch(self, places: Sequence[tuple[str, str]], deadline: Deadline, projection: str) -> list[Item]:
        """Those of up to 100 items that are there, as the last write left them. Raises StoreError.

        `places` are their partition and sort keys. A `projection` may say #status for the attribute status,
        a word that DynamoDB reserves.
        """
        names = {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in projection else {}
        wanted: Any = {
            self.table: {
                "Keys": [key(pk, sk) for pk, sk in places],
                "ConsistentRead": True,
                "ProjectionExpression": projection,
                **names,
            }
        }
        items: list[Item] = []
        retry = Retry(deadline)
        while wanted:
            reply = retry.repeat(partial(self.client.batch_get_item, RequestItems=wanted))
            items += reply["Responses"].get(self.table, [])
            wanted = reply.get("UnprocessedKeys")
            if wanted:
                retry.failed(_unprocessed())
        return items

    def query(self, deadline: Deadline, **arguments: Any) -> Page:
        """One page, of the table as the last write left it or of an index. Raises StoreError."""
        arguments["ConsistentRead"] = "IndexName" not in arguments
        reply = repeat(partial(self.client.query, TableName=self.table, **arguments), deadline)
        return Page(reply["Items"], reply.get("LastEvaluatedKey"))

    def query_all(self, deadline: Deadline, **arguments: Any) -> Iterator[Item]:
        """Every item, page after page as they are taken. Raises StoreError."""
        page = self.query(deadline, **arguments)
        yield from page.items
        while page.start:
            page = self.query(deadline, **arguments, ExclusiveStartKey=page.start)
            yield from page.items

    def put(self, item: Item, deadline: Deadline, **arguments: Any) -> None:
        """Write a whole item. Raises ConditionFailed, StoreError."""
        self._write(partial(self.client.put_item, TableName=self.table, Item=item, **arguments), deadline)

    def update(self, pk: str, sk: str, deadline: Deadline, **arguments: Any) -> Item:
        """Change an item and return what `ReturnValues` asks for. Raises ConditionFailed, StoreError."""
        reply = self._write(
            partial(self.client.update_item, TableName=self.table, Key=key(pk, sk), **arguments), deadline
        )
        attributes: Item = reply.get("Attributes", {})
        return attributes

    def delete(self, pk: str, sk: str, deadline: Deadline, **arguments: Any) -> None:
        """Remove an item, or nothing where there is none. Raises ConditionFailed, StoreError."""
        self._write(
            partial(self.client.delete_item, TableName=self.table, Key=key(pk, sk), **arguments), deadline
        )

    def transact(self, writes: Sequence[Any], token: str, deadline: Deadline) -> None:
        """Make up to 100 writes together or not at all.

        `token` is the client token, by which DynamoDB recognises a repetition and does not make it twice.
        Raises ConditionFailed for the first write that failed its condition, StoreError.
        """
        self._write(
            partial(self.client.transact_write_items, TransactItems=writes, ClientRequestToken=token),
            deadline,
        )

    def _write(self, call: Callable[[], ReplyT], deadline: Deadline) -> ReplyT:
        def attempt() -> ReplyT:
            try:
                return call()
            except ClientError as error:
                _raise_if_refused(error.response)
                raise

        return repeat(attempt, deadline)


def _raise_if_refused(response: Any) -> None:
    if response["Error"]["Code"].startswith(CONDITION_FAILED):
        raise ConditionFailed(response.get("Item"))
    for reason in response.get("CancellationReasons", ()):
        if reason.get("Code") == CONDITION_FAILED:
            raise ConditionFailed(reason.get("Item"))


def _unprocessed() -> ClientError:
    """The error to take it for when DynamoDB answers only a part of a batch: the rest was throttled."""
    response: Any = {
        "Error": {"Code": "ThrottlingException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, "BatchGetItem")


@cache
def store() -> Store:
    """The process's one store, made when it is first needed."""
    return connect(settings().table_name)


def connect(table: str) -> Store:
    """A new store, whose client finds credentials and region as boto3 does."""
    client = cast("DynamoDBClient", session().create_client("dynamodb", config=CLIENT_CONFIG))
    return Store(client, table)
