"""The deletions that an account has records of: one by its id, or all of them page by page, newest first."""

from collections.abc import Iterator
from operator import attrgetter

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.record import Record
from expunge.table import keys
from expunge.table.search import Partition
from expunge.table.store import Item, Store

_PAGE = 100

_ATTRIBUTES = (
    "account_id, request_id, of_family, requested_at, requested_by, about, prefix, keep_until,"
    " plan_expires_at, progress, busy_until, flagged_at, flagged_by, restorable_until, problem, already,"
    " revision, taken"
)
_WITH_IDS = f"{_ATTRIBUTES}, ids, doubtful"


def find(store: Store, account_id: str, request_id: str, deadline: Deadline) -> Record | None:
    """One record, None where the account has none of that id or it has been forgotten. Raises StoreError."""
    item = store.get(keys.deletion(account_id, request_id), keys.DELETION, deadline, _WITH_IDS)
    return Record.of(item) if item is not None and kept(item) else None


def newest(
    store: Store,
    account_id: str,
    deadline: Deadline,
    *,
    limit: int,
    family: str | None = None,
    before: str | None = None,
) -> tuple[list[Record], str | None]:
    """Records without their ids, newest first, and where the next page begins: two reads. Raises StoreError.

    `before` is what the page before it returned; `limit` is at most 100.
    """
    where = Partition(keys.BY_STATE, keys.deletions(account_id))
    if family is not None:
        where = Partition(keys.BY_GROUP, keys.deletions_of_family(account_id, family))
    page = store.query(
        deadline,
        IndexName=where.index,
        KeyConditionExpression=f"{where.attribute} = :pk AND state_sk < :before",
        ExpressionAttributeValues={":pk": {"S": where.pk}, ":before": {"S": before or ":"}},
        ProjectionExpression="pk, state_sk",
        ScanIndexForward=False,
        Limit=limit + 1,
    )
    rows = page.items[:limit]
    more = rows[-1]["state_sk"]["S"] if len(page.items) > limit else None
    if not rows:
        return [], None
    read = store.get_batch([(row["pk"]["S"], keys.DELETION) for row in rows], deadline, _ATTRIBUTES)
    records = [Record.of(item) for item in read if kept(item)]
    return sorted(records, key=attrgetter("order"), reverse=True), more


def all_newest(store: Store, account_id: str, deadline: Deadline) -> Iterator[Record]:
    """All records of an account without their ids, newest first, page after page. Raises StoreError."""
    page, before = newest(store, account_id, deadline, limit=_PAGE)
    yield from page
    while before is not None:
        page, before = newest(store, account_id, deadline, limit=_PAGE, before=before)
        yield from page


def kept(item: Item) -> bool:
    """Whether it is not forgotten yet: DynamoDB removes what has expired within days, not at once."""
    return timestamps.now().timestamp() < int(item["keep_until"]["N"])
