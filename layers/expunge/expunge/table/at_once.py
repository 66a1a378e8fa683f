"""Writes many rows in transactions and reads rows back: a few calls at once, in the time of an invocation."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

from expunge.deadline import Deadline
from expunge.errors import OutOfTime, StoreError, Unavailable
from expunge.table import keys
from expunge.table.store import Item, Store
from expunge.table.transactions import LIMIT, RowT, Transaction
from expunge.telemetry import logger

_AT_ONCE = 4
"""Threads. Each needs a TLS connection, which costs tens of milliseconds of CPU to open: a few do more than
many."""

_idle: list[ThreadPoolExecutor] = []
"""Pools that are kept for the next call: to begin a thread takes half as long as a call of the SDK."""


def commit(
    store: Store, rows: Sequence[RowT], most: int, deadline: Deadline
) -> tuple[StoreError, list[RowT]] | None:
    """Write the rows, at most `most` in a transaction.

    Returns None when all are settled: each is written, or its condition failed. Otherwise returns the error
    that stopped it, and the rows in doubt: they may have been written, or may yet be, because an answer is
    missing. When it returns, nothing more is sent.
    """
    transactions = [Transaction(rows[at : at + most]) for at in range(0, len(rows), most)]
    stop = Event()
    errors: list[StoreError] = []

    def write(transaction: Transaction[RowT]) -> None:
        try:
            transaction.commit(store, deadline, stop.is_set)
        except StoreError as error:
            errors.append(error)
            stop.set()
        except Exception:
            logger.exception("A transaction failed in an unforeseen way")
            errors.append(Unavailable())
            stop.set()

    # In threads, even a single one: whatever a call of the SDK hangs on, the answer goes out in time.
    pool = _pool()
    writing = [pool.submit(write, each) for each in transactions]
    try:
        for each in writing:
            each.result(max(0, deadline.to_wait()))
    except TimeoutError:
        pool.shutdown(wait=False, cancel_futures=True)
    else:
        _idle.append(pool)
    stop.set()
    doubtful = [row for each in transactions for row in each.in_doubt]
    if not any(each.open for each in transactions):
        return None
    return (errors[0] if errors else OutOfTime()), doubtful


def read_back(store: Store, pks: Sequence[str], attributes: str, deadline: Deadline) -> dict[str, Item]:
    """Read items `MESSAGE`, and return by partition key those that could be read before the answer is due.

    Any may be missing, because the store failed or took too long.
    """

    def read(some: Sequence[str]) -> Sequence[Item]:
        return store.get_batch([(pk, keys.MESSAGE) for pk in some], deadline.for_reading_back(), attributes)

    # In threads: a read that began in time may take longer than there is until the answer.
    pool = ThreadPoolExecutor(_AT_ONCE)
    reading = [pool.submit(read, pks[at : at + LIMIT]) for at in range(0, len(pks), LIMIT)]
    done, _ = wait(reading, max(0, deadline.to_answer()))
    pool.shutdown(wait=False)
    return {item["pk"]["S"]: item for each in done if each.exception() is None for item in each.result()}


def forget() -> None:
    """End the threads that are kept; the next call begins new ones."""
    while _idle:
        _idle.pop().shutdown(wait=False)


def _pool() -> ThreadPoolExecutor:
    try:
        return _idle.pop()
    except IndexError:
        return ThreadPoolExecutor(_AT_ONCE)
