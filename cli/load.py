"""`expunge load`: every line of every file is checked before the first is written."""

import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from cli.contents import content_bucket_option
from cli.dynamodb import client as connect
from cli.dynamodb import store_options
from cli.importing import Parts, new_folder, resolved, write_files
from cli.lines import records, total_size
from cli.listing import number
from cli.progress import bar, stoppable, watched
from cli.settings import Place, lacking, owner
from expunge.deadline import Deadline
from expunge.errors import OutOfTime, Throttled
from expunge.table.items import items
from expunge.table.records import Message, Record
from expunge.table.store import Store
from expunge.table.storing import Outcome, Storing, store_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did."""

    kinds: Mapping[str, int]
    """Lines by kind."""
    kept: int
    """Messages left alone because they are deleted in the table."""
    revoked: int
    """API keys and grants left alone because they are revoked in the table."""
    outdated: int = 0
    """Messages left alone because their version in the table is as high or higher."""
    withheld: Mapping[str, int] = field(default_factory=dict)
    """Lines by kind that were passed over because they lack a secret, as `dump --settings` prints them."""
    astray: Mapping[Place, int] = field(default_factory=dict)
    """Numbers of messages by what they belong to, where that is neither in the table nor in the files."""
    into: str = "table"
    written: int | None = None
    """Items in the files, if it was files that were written."""

    @property
    def records(self) -> int:
        """Lines in all."""
        return sum(self.kinds.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.items())
        did = "loaded" if self.written is None else f"wrote {number(self.written, 'item')} of"
        said = f"{did} {number(self.records, 'record')}" + (f": {kinds}" if kinds else "")
        if self.kept:
            said += f"; {self.kept:,} already deleted, left as they are"
        if self.outdated:
            said += f"; {self.outdated:,} of no newer version, left as they are"
        if self.revoked:
            said += f"; {self.revoked:,} revoked, left as they are"
        return said

    @property
    def remarks(self) -> Iterator[str]:
        """Sentences on what may need doing."""
        if self.withheld:
            kinds = " and ".join(f"{count} {kind}" for kind, count in self.withheld.items())
            yield (
                f"{kinds} passed over, because they lack their secrets; make API keys by `expunge key create`"
                " and load keysets from where they came"
            )
        if self.astray:
            places = [place.name for place in self.astray]
            named = ", ".join(places[:_NAMED]) + (
                f" and {len(places) - _NAMED} more" if places[_NAMED:] else ""
            )
            yield (
                f"messages that belong to what is not in the {self.into}: {sum(self.astray.values()):,};"
                f" load the records of {named}"
            )


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to-import",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write no table but files for DynamoDB's import from S3, which makes a new table, to this folder.",
)
@content_bucket_option
@store_options
def load(
    files: tuple[Path, ...], to_import: Path | None, content_bucket: str, dynamodb_url: str, table: str
) -> None:
    """Bulk-load records, one JSON object a line; "-" is the standard input.

    Nothing is written unless every line is good. Loading a line twice is harmless: a message that is
    deleted stays deleted.
    """
    progress = watched()
    if to_import is None:
        result = load_files(
            connect(dynamodb_url), table, files, progress=progress, content_bucket=content_bucket
        )
    else:
        result = write_import(to_import, files, progress=progress, content_bucket=content_bucket)
    click.echo(result)
    remark(result)


def remark(result: LoadResult) -> None:
    """Print on standard error what may need doing after a load."""
    for sentence in result.remarks:
        click.echo(f"expunge: {sentence}", err=True)


def load_files(
    client: "DynamoDBClient",
    table: str,
    paths: Sequence[Path],
    *,
    progress: bool = False,
    content_bucket: str = "",
) -> LoadResult:
    """Check every line of the files, then write them all; where lines are of the same item, the last wins.

    In between, what is to be written waits in a temporary file, about a quarter the size of the input, so
    that memory stays small, pipes can be read, and what is written is what was checked.

    Raises BadInput, with nothing written, for a line that is no record and a file that cannot be read.
    """
    with tempfile.TemporaryFile(prefix="expunge-load-") as spool:
        checked = _check(
            paths,
            content_bucket,
            lambda record: pickle.dump((record.kind, items(record)), spool),
            progress=progress,
        )
        spool.seek(0)
        outcomes: Counter[Outcome] = Counter()
        if checked.kinds:
            # This fails at once if there is no such table. A write would be tried for a long time.
            client.describe_table(TableName=table)
            outcomes = _store(Store(client, table), spool, checked.kinds.total(), progress=progress)
    return LoadResult(
        kinds=dict(sorted(checked.kinds.items())),
        kept=outcomes[Outcome.DELETED],
        revoked=outcomes[Outcome.REVOKED],
        outdated=outcomes[Outcome.OUTDATED],
        withheld=dict(sorted(checked.withheld.items())),
        # Looked up last: what the files bring is there by now.
        astray={place: checked.owners[place] for place in lacking(Store(client, table), checked.owners)},
    )


def write_import(
    folder: Path, paths: Sequence[Path], *, progress: bool = False, content_bucket: str = ""
) -> LoadResult:
    """Check every line of the files, then write what `load_files` would leave in an empty table to a folder.

    Raises BadInput like that one, click.BadParameter if the folder is not empty.
    """
    new_folder(folder)
    there: set[tuple[str, str]] = set()
    with Parts() as parts:

        def keep(record: Record) -> None:
            stored = items(record)
            if not isinstance(record, Message):
                there.update((item["pk"]["S"], item["sk"]["S"]) for item in stored)
            for some in [stored] if isinstance(record, Message) else [[item] for item in stored]:
                parts.add(some)

        checked = _check(paths, content_bucket, keep, progress=progress)
        again = "the folder holds a part, the same command wants it empty"
        with stoppable(again), bar("writing", parts.records, shown=progress, unit="records") as advance:
            written = write_files(folder, (item for part in parts.each(advance) for item in resolved(part)))
    return LoadResult(
        kinds=dict(sorted(checked.kinds.items())),
        kept=0,
        revoked=0,
        withheld=dict(sorted(checked.withheld.items())),
        astray={place: n for place, n in checked.owners.items() if (place.pk, place.sk) not in there},
        into="files",
        written=written,
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is in the files."""

    kinds: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    owners: Counter[Place] = field(default_factory=Counter)

    def note(self, record: Record) -> bool:
        """Count a record; False if it cannot be stored."""
        if record.withheld:
            self.withheld[record.kind] += 1
            return False
        self.kinds[record.kind] += 1
        if isinstance(record, Message):
            self.owners[owner(record)] += 1
        return True


def _check(
    paths: Sequence[Path], content_bucket: str, keep: Callable[[Record], None], *, progress: bool
) -> _Checked:
    checked = _Checked()
    with (
        stoppable("nothing was written, the same command begins again"),
        bar("checking", total_size(paths), shown=progress, unit="bytes") as advance,
    ):
        for record in records(paths, advance, content_bucket):
            if checked.note(record):
                keep(record)
    return checked


def _store(store: Store, spool: IO[bytes], count: int, *, progress: bool) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    # The file has no name by which anyone else could write to it.
    waiting: Iterator[Storing] = (Storing(*pickle.load(spool)) for _ in range(count))  # noqa: S301
    with (
        stoppable("what is written stays, and the same command goes on: a line can be loaded twice"),
        bar("writing", count, shown=progress, unit="records") as advance,
    ):

        def landed(some: Sequence[Storing]) -> None:
            outcomes.update(record.outcome for record in some)
            advance(len(some))

        try:
            store_all(store, waiting, Deadline.never(), landed, lambda: Deadline.within(_PATIENCE), new=True)
        except (Throttled, OutOfTime) as error:
            raise click.ClickException(
                "the table takes no writes at the moment;"
                " what is written stays, and the same command continues"
            ) from error
    return outcomes


_PATIENCE: Final = 22.0
"""Seconds for a transaction: attempts begin in the first 10, and the rest is left for their answers."""

_NAMED: Final = 10
"""Missing endpoints, linked accounts and keysets that are named."""
