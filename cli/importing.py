"""Files for DynamoDB's import from S3, which makes a new table of any size without write units.

DynamoDB imports items of the same key in any order, so the files hold each key once: as `expunge load` would
leave it in an empty table. To find that out however many records there are, they are first spread over parts
by a digest of their partition key, each part small enough to be held in memory.
"""

import base64
import gzip
import json
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import click

from expunge.table import keys
from expunge.table.items import Item, stored_over

FILE_BYTES: Final = 256_000_000
"""Bytes of JSON in a file. DynamoDB reads many files at once; it takes up to 50,000 of them, 15 TB in all."""

PART_BYTES: Final = 16_000_000
"""Bytes of records in a part that is held in memory."""

_FAN_OUT: Final = 64
"""Parts that the records are spread over, and again those of a part that is too large."""

Stored = list[Item]
"""The items of a message, or a single item of any other record."""


def new_folder(path: Path) -> None:
    """Make the folder that the files go to. Raises click.BadParameter if there is something in it."""
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise click.BadParameter(
            f"{click.format_filename(path)} is not empty: DynamoDB would import what is there as well.",
            param_hint="'--to-import'",
        )


def resolved(records: Iterable[Stored]) -> Iterator[Item]:
    """What an empty table holds after these were stored one after the other."""
    table: dict[tuple[str, str], Item] = {}
    for first, *content in records:
        place = _key(first)
        item = stored_over(table[place], first) if place in table else first
        if item is None:
            continue
        table[place] = item
        if place[1] == keys.MESSAGE:
            table.pop((place[0], keys.CONTENT), None)
        table |= {_key(each): each for each in content}
    yield from table.values()


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class Parts:
    """Records spread over temporary files; those of a partition are in the same one, in order."""

    def __init__(self, depth: int = 0) -> None:
        self.records = 0
        self._depth = depth
        self._opened = ExitStack()
        self._files = [self._opened.enter_context(_temporary()) for _ in range(_FAN_OUT)]
        self._partitions: list[str | None] = [None] * _FAN_OUT
        self._several = [False] * _FAN_OUT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def add(self, items: Stored) -> None:
        """Put a record's items in their part."""
        pk = items[0]["pk"]["S"]
        digest = blake2b(pk.encode(), digest_size=2, salt=self._depth.to_bytes(2, "big")).digest()
        part = int.from_bytes(digest, "big") % _FAN_OUT
        self._several[part] |= self._partitions[part] not in (None, pk)
        self._partitions[part] = pk
        self.records += 1
        pickle.dump(items, self._files[part])

    def each(self, taken: Callable[[int], None]) -> Iterator[Iterator[Stored]]:
        """Give the parts, each to be read before the next; `taken` is told how many records were read.

        A part that is too large is spread once more, unless all its records have the same partition key: few
        items are left of those.
        """
        for file, several in zip(self._files, self._several, strict=True):
            size = file.tell()
            file.seek(0)
            if size > PART_BYTES and several:
                with Parts(self._depth + 1) as smaller:
                    for items in _read(file, size, lambda _: None):
                        smaller.add(items)
                    file.truncate(0)
                    yield from smaller.each(taken)
            else:
                yield _read(file, size, taken)
            file.close()


def _temporary() -> Any:
    return tempfile.TemporaryFile(prefix="expunge-import-")


def _read(file: Any, size: int, taken: Callable[[int], None]) -> Iterator[Stored]:
    while file.tell() < size:
        yield pickle.load(file)  # noqa: S301 - the file has no name by which anyone else could write to it
        taken(1)


def write_files(folder: Path, items: Iterable[Item]) -> int:
    """Write the items to files of bounded size, and return how many they were.

    Nobody else may read the files: they hold the secret keys of keysets, as the table does.
    """
    count, number = 0, 0
    lines = (_line(item) for item in items)
    line = next(lines, None)
    while line is not None:
        room = FILE_BYTES
        path = folder / f"{number:05d}.json.gz"
        with open(path, "xb", opener=_private) as raw, gzip.GzipFile(path.stem, "wb", 6, raw) as file:
            while line is not None and room > 0:
                file.write(line)
                room -= len(line)
                count += 1
                line = next(lines, None)
        number += 1
    return count


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line(item: Item) -> bytes:
    return json.dumps({"Item": item}, default=_base64, separators=(",", ":")).encode() + b"\n"


def _base64(binary: bytes) -> str:
    return base64.b64encode(binary).decode()
