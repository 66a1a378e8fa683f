"""`expunge load`: every line of every file is checked before the first is written."""

import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from cli.dynamodb import client as connect
from cli.dynamodb import store_options
from cli.transactions import Change, write
from expunge.table.items import writes
from expunge.table.records import MAX_LINE, MESSAGE_KINDS, BadLine, parse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BOM: Final = b"\xef\xbb\xbf"


class BadInput(click.ClickException):
    """A file that cannot be loaded as it is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did."""

    kinds: Mapping[str, int]
    """Lines by kind."""
    kept: int
    """Messages left alone because they are deleted in the table."""
    revoked: int
    """API keys left alone because they are revoked in the table."""

    @property
    def records(self) -> int:
        """Lines in all."""
        return sum(self.kinds.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        said = f"loaded {self.records} records" + (f": {kinds}" if kinds else "")
        if self.kept:
            said += f"; {self.kept} already deleted, left as they are"
        if self.revoked:
            said += f"; {self.revoked} revoked, left as they are"
        return said


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_options
def load(files: tuple[Path, ...], dynamodb_url: str, table: str) -> None:
    """Bulk-load records, one JSON object a line; "-" is the standard input.

    Nothing is written unless every line is good. Loading a line twice is harmless: a message that is
    deleted stays deleted.
    """
    click.echo(load_files(connect(dynamodb_url), table, files, progress=sys.stderr.isatty()))


def load_files(
    client: "DynamoDBClient", table: str, paths: Sequence[Path], *, progress: bool = False
) -> LoadResult:
    """Check every line of the files, then write them all; where lines are of the same item, the last wins.

    In between, what is to be written waits in a temporary file, about a quarter the size of the input, so
    that memory stays small, pipes can be read, and what is written is what was checked.

    Raises BadInput, with nothing written, for a line that is no record and a file that cannot be read.
    """
    with tempfile.TemporaryFile(prefix="expunge-load-") as spool:
        kinds = _check(paths, spool, progress=progress)
        spool.seek(0)
        refused: Counter[str] = Counter()
        if kinds:
            client.describe_table(TableName=table)  # a table that is not there is no reason to try for long
            refused = _write(client, table, spool, kinds.total(), progress=progress)
    kept = sum(refused[kind] for kind in MESSAGE_KINDS)
    return LoadResult(kinds=dict(sorted(kinds.items())), kept=kept, revoked=refused["api_key"])


def _check(paths: Sequence[Path], spool: IO[bytes], *, progress: bool) -> Counter[str]:
    kinds: Counter[str] = Counter()
    with _bar("checking", _total_size(paths), shown=progress) as advance:
        for path in paths:
            for number, line in enumerate(_lines(path), start=1):
                change = _change(line.removeprefix(_BOM) if number == 1 else line, path, number)
                if change is not None:
                    pickle.dump(change, spool)
                    kinds[change.kind] += 1
                advance(len(line))
    return kinds


def _write(
    client: "DynamoDBClient", table: str, spool: IO[bytes], count: int, *, progress: bool
) -> Counter[str]:
    # The file has no name by which anyone else could write to it.
    changes: Iterator[Change] = (pickle.load(spool) for _ in range(count))  # noqa: S301
    with _bar("writing", count, shown=progress) as advance:
        return write(client, table, changes, advance)


def _change(line: bytes, path: Path, number: int) -> Change | None:
    """Turn a line into what it changes: nothing if it is blank."""
    if not line.strip():
        return None
    try:
        record = parse(line)
    except BadLine as error:
        raise BadInput(f"{click.format_filename(path)}:{number}: {error}") from error
    return Change(record.kind, writes(record))


def _lines(path: Path) -> Iterator[bytes]:
    """Read line by line, and of a line never much more than what makes it too long."""
    try:
        with click.open_file(str(path), "rb") as file:
            while line := file.readline(MAX_LINE + 1):
                yield line
    except OSError as error:
        raise BadInput(f"{click.format_filename(path)} cannot be read: {error.strerror}") from error


def _total_size(paths: Sequence[Path]) -> int | None:
    """Add up the sizes; None if a pipe is among the files."""
    if not all(path.is_file() for path in paths):
        return None
    return sum(path.stat().st_size for path in paths)


@contextmanager
def _bar(label: str, length: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, whose steps are to be reported to what this yields."""
    unused: Iterator[int] = iter(lambda: 0, 0)  # for want of a length, click insists on something to count
    steps = (length or _PIPE_STEP) // _RENDERINGS
    with click.progressbar(
        unused,
        length,
        f"{label:8}",
        hidden=not shown,
        file=sys.stderr,
        update_min_steps=max(1, steps),
    ) as bar:
        yield bar.update
        bar.finish()
        bar.render_progress()


_RENDERINGS: Final = 200
_PIPE_STEP: Final = 200_000_000
