"""The bill of materials says what is pinned for the layer; an audit that did not happen is not called one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from supply import materials, vulnerabilities

CYCLONEDX = materials.ROOT / ".venv-audit" / "bin" / "cyclonedx-py"


@pytest.mark.skipif(not CYCLONEDX.exists(), reason="`make sbom` sets cyclonedx-py up")
@pytest.mark.slow
def test_the_bill_lists_what_is_pinned_with_its_hashes_and_names_no_index(tmp_path: Path) -> None:
    file = tmp_path / "bill.cdx.json"
    subprocess.run(  # noqa: S603 - our own
        [sys.executable, materials.__file__, str(CYCLONEDX), str(file)], check=True
    )
    bill = json.loads(file.read_text())

    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "expunge")
    assert {
        (each["name"], each["version"], each["purl"], *sorted(_hashes(each))) for each in bill["components"]
    } == set(_pinned(materials.REQUIREMENTS.read_text()))
    hosts = set(re.findall(r"https?://([^/\"]+)", file.read_text()))
    assert hosts <= {"cyclonedx.org"}


def _hashes(component: Any) -> list[str]:
    return [each["content"] for each in component["externalReferences"][0]["hashes"]]


def _pinned(requirements: str) -> list[tuple[str, ...]]:
    found = []
    for text in re.split(r"\n(?=\S)", requirements.strip()):
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+)", text)
        assert match is not None
        name, version = match.groups()
        hashes = sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))
        found.append((name, version, f"pkg:pypi/{name}@{version}", *hashes))
    return found


GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "lines"),
    [
        ([], 0, ["pip-audit: the vulnerability data cannot be had here; nothing was audited"]),
        ([UNKNOWN], 0, ["pip-audit: the vulnerability data cannot be had here; nothing was audited"]),
        ([GOOD, UNKNOWN], 0, ["pip-audit: 1 packages of the layer audited, 1 unknown, 0 vulnerabilities"]),
        (
            [GOOD, BAD],
            1,
            [
                "pip-audit: 2 packages of the layer audited, 0 unknown, 1 vulnerabilities",
                "b 2: CVE-1, mended in 3",
            ],
        ),
    ],
)
def test_an_audit_fails_for_what_it_found_and_says_what_it_could_not_ask(
    packages: list[dict[str, Any]], status: int, lines: list[str]
) -> None:
    assert vulnerabilities.verdict(packages) == (status, lines)
