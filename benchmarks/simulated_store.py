"""A DynamoDB with AWS's limits and as many messages as one likes, which are made when they are looked at.

A partition takes 1,000 write units a second and is never split; what comes too quickly is throttled. Bursts
are not counted on. A transaction takes 10 ms and half a millisecond an item, a query 5 ms, each up to a fifth
more or less. An item that a transaction is about to write is refused to every other one for that time.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from zlib import crc32

from botocore.exceptions import ClientError

from benchmarks.simulation import Simulation
from expunge.table import keys

UNITS_A_SECOND: Final = 1000.0
SUB_KEY: Final = "sub-c-1"
CHANNEL: Final = "ch1"
PURGE_AT: Final = "2026-09-01T00:00:00.000Z"

# Units that a partition saves up while it has little to do: those of a second. AWS grants more, at times.
_BURST: Final = UNITS_A_SECOND

# A core takes 12 ms for a transaction of 100 items and 2 ms for a page of 250 keys, as measured on this
# code's own calls; a function with 1,024 MB has 58 % of a core.
_CPU_AN_ITEM: Final = 0.00012 / 0.58
_CPU_A_ROW: Final = 0.000008 / 0.58
_CPU_A_CALL: Final = 0.0005 / 0.58


class _Bucket:
    """Write units of a partition, refilled second by second."""

    def __init__(self) -> None:
        self.left = 0.0
        self.at = 0.0

    def room(self, now: float) -> float:
        self.left = min(_BURST, self.left + UNITS_A_SECOND * (now - self.at))
        self.at = now
        return self.left


@dataclass
class _Partition:
    """Messages 0, 1, 2... of one partition of the index, oldest first."""

    messages: int
    first: int = 0
    gone: set[int] = field(default_factory=set)

    def remove(self, number: int) -> bool:
        if number < self.first or number in self.gone or number >= self.messages:
            return False
        self.gone.add(number)
        while self.first in self.gone:
            self.gone.remove(self.first)
            self.first += 1
        return True


class SimulatedStore:
    """What the code takes for the client of DynamoDB."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        due: int = 0,
        channel: int = 0,
        table_partitions: int = 400,
        slower: float = 1.0,
    ) -> None:
        self.meta = self
        self.events = self
        self.calls = Counter[str]()
        self.units = Counter[str]()
        self.done = 0
        self.done_at: list[tuple[float, int]] = []
        self.items: dict[tuple[str, str], Any] = {}
        self._simulation = simulation
        self._slower = slower
        self._table_partitions = table_partitions
        self._random = Random(1)  # the same each time
        self._buckets: defaultdict[str, _Bucket] = defaultdict(_Bucket)
        self._cpu: defaultdict[Any, float] = defaultdict(float)
        self._being_written: set[str] = set()
        live = [keys.live_channel(SUB_KEY, CHANNEL, shard) for shard in range(keys.CHANNEL_SHARDS)]
        self._partitions = _spread(due, keys.bin_shards()) | _spread(channel, live)

    def register_first(self, *_: Any, **__: Any) -> None:
        """Stand in for botocore's events, of which there are none."""

    def query(self, **arguments: Any) -> Any:
        """Read a page of an index, or the few items that are kept as they are."""
        pk = arguments["ExpressionAttributeValues"][":pk"]["S"]
        partition = self._partitions.get(pk)
        if partition is None:
            self._take("query", 0.005, _CPU_A_CALL)
            return {"Items": [item for (owner, _), item in self.items.items() if owner == pk]}
        start = arguments.get("ExclusiveStartKey")
        at = partition.first if start is None else max(partition.first, _number(start["pk"]["S"]) + 1)
        rows: list[Any] = []
        while at < partition.messages and len(rows) < arguments["Limit"]:
            if at not in partition.gone:
                rows.append(_row(pk, at))
            at += 1
        self._take("query", 0.005, _CPU_A_CALL + _CPU_A_ROW * len(rows))
        self.units["read"] += -(-len(rows) * 100 // 8192)
        more = {"LastEvaluatedKey": rows[-1]} if rows and at < partition.messages else {}
        return {"Items": rows, **more}

    def batch_get_item(self, **arguments: Any) -> Any:
        """Read the few items that are kept as they are."""
        [(table, wanted)] = arguments["RequestItems"].items()
        self._take("batch_get_item", 0.005, _CPU_A_CALL)
        places = [(each["pk"]["S"], each["sk"]["S"]) for each in wanted["Keys"]]
        return {"Responses": {table: [self.items[place] for place in places if place in self.items]}}

    def transact_write_items(self, **arguments: Any) -> Any:
        """Write messages, unless a partition has no room, another one writes them or they are gone."""
        entries = [next(iter(each.values())) for each in arguments["TransactItems"]]
        if any("Item" in each for each in entries):
            return self._end_of_a_sweep(entries)
        pks = list(dict.fromkeys(entry["Key"]["pk"]["S"] for entry in entries))
        seconds = 0.010 + 0.0005 * len(entries)
        refused = self._refused(entries, pks)
        if refused:
            self._take("refused", seconds / 2, _CPU_AN_ITEM * len(entries))
            raise _cancelled(entries, refused)
        self._being_written |= set(pks)
        self._take("transact_write_items", seconds, _CPU_AN_ITEM * len(entries))
        self._being_written -= set(pks)
        gone = {pk: "ConditionalCheckFailed" for pk in pks if not self._there(pk)}
        if gone:
            raise _cancelled(entries, gone)
        for pk in pks:
            self._partitions[_partition(pk)].remove(_number(pk))
        self.done += len(pks)
        self.done_at.append((self._simulation.now, len(pks)))
        return {}

    def update_item(self, **arguments: Any) -> Any:
        """Note parts of a sweep that are done."""
        place = (arguments["Key"]["pk"]["S"], arguments["Key"]["sk"]["S"])
        self._take("update_item", 0.005, _CPU_A_CALL)
        parts = {*arguments["ExpressionAttributeValues"][":parts"]["NS"]}
        item = self.items[place]
        item["parts_done"] = {"NS": sorted(parts.union(item.get("parts_done", {"NS": []})["NS"]))}
        return {"Attributes": item}

    def _end_of_a_sweep(self, entries: list[Any]) -> Any:
        self._take("end of a sweep", 0.010, _CPU_A_CALL)
        for entry in entries:
            key = entry.get("Key") or {}
            self.items.pop((key.get("pk", {}).get("S"), key.get("sk", {}).get("S")), None)
        return {}

    def _refused(self, entries: list[Any], pks: list[str]) -> dict[str, str]:
        contested = {pk: "TransactionConflict" for pk in pks if pk in self._being_written}
        if contested:
            return contested
        needed = self._needed(entries)
        now = self._simulation.now
        full = {name for name, units in needed.items() if self._buckets[name].room(now) < units}
        if full:
            return {pk: "ThrottlingError" for pk in pks if not full.isdisjoint(self._places(pk))}
        for name, units in needed.items():
            self._buckets[name].left -= units
            self.units["write"] += units
        return {}

    def _needed(self, entries: list[Any]) -> Counter[str]:
        """Write units by partition: two an item, one for an entry of the index that goes or comes."""
        needed = Counter[str]()
        for entry in entries:
            pk = entry["Key"]["pk"]["S"]
            table, *index = self._places(pk)
            needed[table] += 2
            if entry["Key"]["sk"]["S"] == keys.MESSAGE:
                needed.update(index)
        return needed

    def _places(self, pk: str) -> list[str]:
        """Where a write of a message goes: its partition of the table and those of the index."""
        table = f"table {crc32(pk.encode()) % self._table_partitions}"
        place = _partition(pk)
        return [table, place] if place.startswith("BIN#") else [table, place, keys.bin_shard(pk)]

    def _there(self, pk: str) -> bool:
        partition, number = self._partitions[_partition(pk)], _number(pk)
        return partition.first <= number < partition.messages and number not in partition.gone

    def _take(self, call: str, seconds: float, cpu: float) -> None:
        """Let a call take its time: first on the function's one processor, then at the store."""
        self.calls[call] += 1
        now, owner = self._simulation.now, self._simulation.owner
        self._cpu[owner] = max(now, self._cpu[owner]) + cpu
        around = self._random.uniform(0.8, 1.2)
        self._simulation.sleep(self._cpu[owner] - now + seconds * around * self._slower)


def _spread(messages: int, names: list[str]) -> dict[str, _Partition]:
    share, more = divmod(messages, len(names))
    return {name: _Partition(share + (at < more)) for at, name in enumerate(names)} if messages else {}


def _row(place: str, number: int) -> Any:
    """A message of a partition; its timetoken tells which one it is."""
    shard = int(place.rpartition("#")[2])
    timetoken = f"{1 + place.startswith('LIVE#')}{number:014d}{shard:04d}"
    pk = keys.channel_message(SUB_KEY, CHANNEL, timetoken)
    order = keys.bin_order(PURGE_AT, pk) if place.startswith("BIN#") else timetoken
    return {"pk": {"S": pk}, "sk": {"S": keys.MESSAGE}, "state_sk": {"S": order}}


def _number(pk: str) -> int:
    return int(pk[-18:-4])


def _partition(pk: str) -> str:
    shard = int(pk[-4:])
    if pk[-19] == "2":
        return keys.live_channel(SUB_KEY, CHANNEL, shard)
    return keys.bin_shards()[shard]


def _cancelled(entries: list[Any], reasons: dict[str, str]) -> ClientError:
    codes = [reasons.get(entry["Key"]["pk"]["S"], "None") for entry in entries]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(response, "TransactWriteItems")
