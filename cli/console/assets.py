"""The files of the pages: our own, and Swagger UI's from the package that carries them."""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cli.console.answers import POLICY
from cli.events import Response

_FILES: Final = Path(__file__).with_name("files")
_PAGES: Final = {"/": "console.html", "/docs": "docs.html"}
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SWAGGER_UI: Final = ("swagger-ui.css", "swagger-ui-bundle.js")

_NO_MARKUP: Final = "require-trusted-types-for 'script'; trusted-types 'none'"
"""So that no text can become markup or code in the console, not even by mistake. Swagger UI does not work
under this policy."""


def page(path: str) -> Response | None:
    """Give the page or the file of that path, None if there is none."""
    file = _files().get(path)
    if file is None:
        return None
    headers = [("content-type", _TYPES[file.suffix])]
    if path == "/":
        headers.append(("content-security-policy", f"{POLICY}; {_NO_MARKUP}"))
    return Response(200, headers, file.read_bytes())


@cache
def _files() -> Mapping[str, Path]:
    """Every path that is answered, so that no other file can be asked for."""
    own = {
        f"/assets/{file.name}": file for file in _FILES.iterdir() if file.suffix in (".css", ".js", ".svg")
    }
    pages = {path: _FILES / name for path, name in _PAGES.items()}
    return {**own, **pages, **{f"/assets/swagger-ui/{name}": _swagger_ui() / name for name in _SWAGGER_UI}}


def _swagger_ui() -> Path:
    """Find the folder without importing the package, which would import Flask."""
    found = find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("flask_swagger_ui")
    return Path(found.origin).parent / "dist"
