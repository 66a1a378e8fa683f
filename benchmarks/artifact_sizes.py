"""How large is what `sam build` made? Prints a Markdown table; run it by `make build`."""

import io
import sys
import zipfile
from pathlib import Path

BUILT = Path(__file__).resolve().parent.parent / ".aws-sam" / "build"
_LARGE = 100_000


def main() -> None:
    """Print a row an artefact."""
    artefacts = sorted(path for path in BUILT.glob("*") if path.is_dir())
    if not artefacts:
        sys.exit("nothing is built: run `make build`")
    print("| artefact | files | unzipped | zipped |")
    print("| --- | ---: | ---: | ---: |")
    for artefact in artefacts:
        files = sorted(path for path in artefact.rglob("*") if path.is_file())
        unzipped = sum(path.stat().st_size for path in files)
        print(f"| {artefact.name} | {len(files)} | {_size(unzipped)} | {_size(_zipped(artefact, files))} |")


def _zipped(artefact: Path, files: list[Path]) -> int:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(artefact))
    return len(target.getvalue())


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= _LARGE else f"{size / 1000:.1f} kB"


if __name__ == "__main__":
    main()
