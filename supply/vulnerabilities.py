"""Ask whether what the layer carries has known vulnerabilities: `python supply/vulnerabilities.py PIP_AUDIT`.

Exits with 1 if it has. Where the data cannot be had, pip-audit passes packages over and ends well all the
same; that is said in a line and is no failure, so that this can run anywhere.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parents[1] / "layers" / "expunge" / "requirements.txt"
SECONDS = 120


def main(pip_audit: str) -> int:
    """Ask, and print what there is to say."""
    status, lines = verdict(_asked(pip_audit))
    print("\n".join(lines))
    return status


def _asked(pip_audit: str) -> list[dict[str, Any]]:
    """What is known of each package; nothing where nobody answered."""
    command = [pip_audit, "--require-hashes", "--disable-pip", "--format", "json", "-r", str(REQUIREMENTS)]
    try:
        answered = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
        found: list[dict[str, Any]] = json.loads(answered.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        return []
    return found


def verdict(packages: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Give the exit status and the lines for what is known of the packages."""
    known = [each for each in packages if "skip_reason" not in each]
    hit = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions'])}"
        for each in known
        for found in each["vulns"]
    ]
    if not known:
        return 0, ["pip-audit: the vulnerability data cannot be had here; nothing was audited"]
    missed = len(packages) - len(known)
    told = (
        f"pip-audit: {len(known)} packages of the layer audited, {missed} unknown, {len(hit)} vulnerabilities"
    )
    return int(bool(hit)), [told, *hit]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
