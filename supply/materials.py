"""Write what the layer carries as a CycloneDX bill of materials: `python supply/materials.py CYCLONEDX FILE`.

CYCLONEDX is the command cyclonedx-py. It reads the pinned requirements of the layer; this takes out where it
supposes that they come from, because whoever builds the layer has an index of their own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "layers" / "expunge" / "requirements.txt"


def main(cyclonedx: str, file: str) -> None:
    """Make the bill and write it."""
    made = subprocess.run(  # noqa: S603 - what the Makefile names
        [
            cyclonedx,
            "requirements",
            "--output-reproducible",
            "--pyproject",
            ROOT / "pyproject.toml",
            REQUIREMENTS,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(json.dumps(without_indexes(json.loads(made.stdout)), indent=2) + "\n")


def without_indexes(bill: Any) -> Any:
    """Have each component refer to itself by its package URL, and drop the tools' own addresses."""
    for component in bill["components"]:
        component.pop("description", None)
        for reference in component.get("externalReferences", ()):
            reference["url"] = component["purl"]
            reference.pop("comment", None)
    for tool in bill["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    return bill


if __name__ == "__main__":
    main(*sys.argv[1:])
