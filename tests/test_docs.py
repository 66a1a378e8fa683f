"""The pages say what is there: links, paths, tests, make targets, settings and routes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from cli.service import NO_EVENTS
from cli.template import functions
from tests import logbook
from tests.deploy.template import template

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
ROUTES = [f"{method} {path}" for function in functions() for method, path in function.routes]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def targets(page: Path) -> Iterator[str]:
    """Where the links of a page lead, those to the outside left out."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"https?:|mailto:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """What a link can name on a page: its headings as GitHub writes them, and its own anchors."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def paths(page: Path) -> Iterator[str]:
    """Files and folders of the repository that a page names in backticks."""
    for quoted in re.findall(r"`([^`\n]+)`", page.read_text()):
        path = quoted.partition("::")[0]
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", path) and path.split("/")[0] in FOLDERS:
            yield path


@cache
def names_of_tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in targets(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{named(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(there), f"{named(page)} links to {target}, but there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    for path in paths(page):
        assert (ROOT / path).exists(), f"{named(page)} names {path}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    for path, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text()):
        assert (ROOT / path).is_file(), f"{named(page)} names {path}, which is not there"
        assert test in names_of_tests(ROOT / path), f"{named(page)} names {test}, which is not in {path}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_that_is_named_is_there(page: Path) -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", page.read_text(), re.MULTILINE):
        assert target in there, f"{named(page)} names `make {target}`, which the Makefile does not know"


@pytest.mark.parametrize("name", sorted(template()["Parameters"]))
def test_every_setting_is_described_with_its_default(name: str) -> None:
    rows = re.findall(r"^\|.*", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    described = [cells for row in rows if f"`{name}`" in (cells := row.split(" | "))[0]]
    assert described, f"docs/operating.md lacks the setting {name}"
    default = str(template()["Parameters"][name].get("Default", ""))
    written = f"`{default}`" if default else "none"
    assert described[0][1] == written, f"docs/operating.md gives {name} another default than {written}"


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_every_route_is_described_and_no_other(page: str) -> None:
    found = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`?]*)`", (ROOT / page).read_text()))
    assert sorted(found - set(ROUTES)) == [], f"{page} names routes that template.yaml lacks"
    assert sorted(set(ROUTES) - found) == [], f"{page} lacks routes of template.yaml"


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in targets(ROOT / "README.md")}
    for page in (ROOT / "docs").glob("*.md"):
        assert page.resolve() in linked, f"README.md does not link {named(page)}"


def test_every_alarm_is_described() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert f"`{name}`" in text, f"docs/operating.md lacks the alarm {name}"


def logged(path: Path, logger: str) -> Iterator[str]:
    """Messages that are written in a file, where its logger is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func, [ast.Constant(message), *_]) if re.match(logger, ast.unparse(func)):
                yield str(message)


def test_every_log_line_is_described_and_no_other() -> None:
    files = [*(ROOT / "layers").rglob("*.py"), *(ROOT / "functions").glob("*.py")]
    written = {message for path in files for message in logged(path, r"logger\.|_warn$")}
    described = {message for message, _ in logbook.described()}
    assert sorted(written - described) == [], "docs/logs.md lacks a row for lines that the code logs"
    assert sorted(described - written) == [], "docs/logs.md has rows for lines that the code does not log"


def test_every_line_of_a_running_service_is_shown_and_no_other() -> None:
    section = (ROOT / "docs" / "logs.md").read_text().partition("## On one machine")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| `(.+?)` \| ", section, re.MULTILINE)
    written = {line for path in (ROOT / "cli").rglob("*.py") for line in logged(path, r"log\.[a-z]+$")}
    # In the place of what is said of an error that a library logs, and of the sentence of another module.
    written = written - {"%s: %s"} | {f"{NO_EVENTS}: %s"}
    forms = {line: re.sub(r"%(\\\.0f|s|d)", ".+", re.escape(line)) for line in written}
    for line, form in forms.items():
        assert any(re.fullmatch(form, each) for each in shown), f"docs/logs.md has no example of {line!r}"
    for each in shown:
        assert any(re.fullmatch(form, each) for form in forms.values()), (
            f"docs/logs.md: no code logs {each!r}"
        )


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.svg")), ids=named)
def test_a_picture_can_be_heard_and_read_in_the_dark(picture: Path) -> None:
    text = picture.read_text()
    assert re.search(r"<title id=\"title\">.+</title>", text), f"{named(picture)} has no title"
    assert re.search(r"<desc id=\"desc\">.+</desc>", text), f"{named(picture)} has no description"
    assert "prefers-color-scheme: dark" in text, f"{named(picture)} is only for light pages"


def test_there_is_one_version() -> None:
    version = metadata.version("expunge")
    described = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)["info"]["version"]
    released = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert described == version, f"openapi.yaml is of {described}, pyproject.toml of {version}"
    assert released[0] == version, f"CHANGELOG.md ends with {released[0]}, pyproject.toml is of {version}"
