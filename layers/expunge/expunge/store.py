"""DynamoDB calls that keep to the invocation's deadline.

One client a process, without the SDK's own retries: they know no deadline. A call that failed for a reason
that passes (throttling, conflicts, no answer) is tried again with full jitter while there is time.
"""

import random
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Throttled, Unavailable
from expunge.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"total_max_attempts": 1},
    # Half the CPU of a large transaction goes into checking parameters that this package writes itself.
    parameter_validation=False,
    tcp_keepalive=True,
)

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
# A store that does not answer is given up sooner than one that asks to slow down.
_ATTEMPTS_WITHOUT_ANSWER = 5

_THROTTLING = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

Item = dict[str, Any]


def passing(code: str) -> bool:
    """Whether an error code, of a call or of one item of a transaction, asks to try again later."""
    return code in _THROTTLING


class Page(NamedTuple):
    """One page of a query and where the next one starts."""

    items: list[Item]
    start: Item | None


class Retry:
    """Decides, failure after failure of one call, whether to try again."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._failures = 0
        self._without_answer = 0

    def failed(self, error: Exception) -> None:
        """Sleep and return to have the call repeated, or raise a StoreError."""
        kind, worth_it = self._judge(error)
        if not worth_it:
            raise kind from error
        self._failures += 1
        pause = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures))  # noqa: S311 - jitter
        if pause >= self._deadline.to_start():
            raise kind from error
        time.sleep(pause)

    def _judge(self, error: Exception) -> tuple[StoreError, bool]:
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            if passing(code) or code == "TransactionCanceledException":
                return Throttled(code), True
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:  # noqa: PLR2004 - server errors pass
                return Unavailable(code), False
        self._without_answer += 1
        return Unavailable(type(error).__name__), self._without_answer < _ATTEMPTS_WITHOUT_ANSWER


FAILURES = (ClientError, BotoCoreError, ResponseParserError)
"""What the SDK raises for a call that did not work."""


class Store:
    """The table, as far as this service reads and writes it."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self.client = client
        self.table = table

    def get(self, pk: str, sk: str, deadline: Deadline, projection: str) -> Item | None:
        """One item, as the last write left it; None where there is none. Raises StoreError."""
        reply = persist(
            partial(
                self.client.get_item,
                TableName=self.table,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                ConsistentRead=True,
                ProjectionExpression=projection,
            ),
            deadline,
        )
        item: Item | None = reply.get("Item")
        return item

    def get_many(self, pks: list[str], sk: str, deadline: Deadline, projection: str) -> list[Item]:
        """Those of up to 100 items that are there, as the last write left them. Raises StoreError."""
        return self.get_batch([(pk, sk) for pk in pks], deadline, projection)

    def get_batch(self, places: list[tuple[str, str]], deadline: Deadline, projection: str) -> list[Item]:
        """Likewise, by partition and sort key. Raises StoreError."""
        wanted: Any = {
            self.table: {
                "Keys": [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in places],
                "ConsistentRead": True,
                "ProjectionExpression": projection,
            }
        }
        items: list[Item] = []
        while wanted:
            reply = persist(partial(self.client.batch_get_item, RequestItems=wanted), deadline)
            items += reply["Responses"].get(self.table, [])
            wanted = reply.get("UnprocessedKeys")
        return items

    def query(self, deadline: Deadline, **arguments: Any) -> Page:
        """One page. Raises StoreError."""
        reply = persist(partial(self.client.query, TableName=self.table, **arguments), deadline)
        return Page(reply["Items"], reply.get("LastEvaluatedKey"))

    def query_all(self, deadline: Deadline, **arguments: Any) -> Iterator[Item]:
        """Every item, page after page as they are taken. Raises StoreError."""
        page = self.query(deadline, **arguments)
        yield from page.items
        while page.start:
            page = self.query(deadline, **arguments, ExclusiveStartKey=page.start)
            yield from page.items


def persist(call: Callable[[], Any], deadline: Deadline) -> Any:
    """Return what a call of the SDK returns, tried again while that is worth it. Raises StoreError."""
    retry = Retry(deadline)
    while True:
        if deadline.to_start() <= 0:
            raise OutOfTime
        try:
            return call()
        except FAILURES as error:
            retry.failed(error)


@cache
def store() -> Store:
    """The process's one store, made when it is first needed."""
    client = cast("DynamoDBClient", _session().create_client("dynamodb", config=CLIENT_CONFIG))
    return Store(client, settings().table_name)


@cache
def _session() -> Session:
    """Make a session of botocore's: importing boto3 around it takes another 25 ms of a cold start."""
    return Session()
