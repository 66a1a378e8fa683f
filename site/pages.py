"""Hooks of mkdocs: pages from outside of docs/, and links to the repository's files.

The pages are written to be read in the repository. Here README.md becomes the first page, and what else a
page links to is copied to the site, so that no link leaves it without need.
"""

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parent.parent

ELSEWHERE: Final = {
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages that are not in docs/, by their path in the repository, and what they are called on the site."""

_LINK: Final = re.compile(r"(\]\(|src=\"|srcset=\")([^)\s\"#]+)(#[^)\s\"]*)?(?=[)\s\"])")


def on_files(files: Files, config: "MkDocsConfig") -> Files:
    """Add the pages from elsewhere, and the files that pages link to."""
    for path, name in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(ROOT / path).read_text()))
    linked = {target for page in _pages(files) for target in _targets(page) if target.is_file()}
    for target in sorted(linked):
        path = target.relative_to(ROOT).as_posix()
        name = _name(path)
        if files.get_file_from_path(name) is None:
            files.append(File.generated(config, name, abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: Files) -> str:  # noqa: ARG001 - mkdocs passes them by name
    """Let links lead to where their targets are on the site."""
    origin = _origin(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        if "://" in link[2]:
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link[2]))
        if (ROOT / path).is_dir():  # a folder has no page; its name says where it is
            return f"{link[1]}{posixpath.relpath('index.md', posixpath.dirname(page.file.src_uri) or '.')}"
        return f"{link[1]}{_name(path)}{link[3] or ''}"

    return _LINK.sub(moved, markdown)


def _pages(files: Files) -> list[str]:
    return [file.src_uri for file in files if file.src_uri.endswith(".md")]


def _targets(page: str) -> list[Path]:
    origin = ROOT / _origin(page)
    links = [link[2] for link in _LINK.finditer(origin.read_text()) if "://" not in link[2]]
    return [(origin.parent / link).resolve() for link in links]


def _origin(page: str) -> str:
    """Name the file of the repository that a page of the site is made from."""
    return next((path for path, name in ELSEWHERE.items() if name == page), f"docs/{page}")


def _name(path: str) -> str:
    """Name what a file of the repository is on the site."""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}"
