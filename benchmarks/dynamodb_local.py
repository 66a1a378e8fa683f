"""DynamoDB Local over a table's file that is filled once and kept: each run works on a copy of it."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from benchmarks.spread_work import Record
from cli.dynamodb import create_table
from tests.engine import dynamodb_local
from tests.engines.tenant import chunks, puts_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FILE: Final = "shared-local-instance.db"

_CONNECTIONS: Final = 6
_AHEAD: Final = 100


@contextmanager
def running(home: Path, folder: Path, port: int) -> Iterator[str]:
    """DynamoDB Local of that home, over what is in the folder; yields its address."""
    with dynamodb_local(home, port, "-dbPath", str(folder)) as url:
        yield url


@contextmanager
def copy(home: Path, folder: Path, port: int) -> Iterator[str]:
    """The same over a copy, beside the folder, that is removed afterwards."""
    with TemporaryDirectory(dir=folder.parent) as copied:
        shutil.copy(folder / FILE, copied)
        with running(home, Path(copied), port) as url:
            yield url


def fill(dynamodb: "DynamoDBClient", table: str, records: Iterator[Record]) -> None:
    """Put records into a table of that name as they are, without a stream, with which it crawls."""
    create_table(dynamodb, table, stream=False)
    puts = ({"PutRequest": put["Put"]} for record in records for put in puts_of(record))

    def write(requests: list[Any]) -> None:
        pending: Any = {table: requests}
        while pending:
            pending = dynamodb.batch_write_item(RequestItems=pending)["UnprocessedItems"]

    calls = chunks(puts, 25)
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        while some := list(islice(calls, _AHEAD)):
            list(pool.map(write, some))
