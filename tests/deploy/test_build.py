"""What `sam build` makes is all that Lambda needs, and no more."""

import marshal
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from tests.deploy.artefacts import Artefacts
from tests.deploy.conftest import run_sam
from tests.deploy.template import lambda_functions

pytestmark = pytest.mark.engine

UNCHECKED_HASH = (1).to_bytes(4, "little")
ELF_MACHINE = slice(18, 20)
X86_64 = (62).to_bytes(2, "little")
AARCH64 = (183).to_bytes(2, "little")

IMPORT = """
import importlib.machinery, json, sys
compiled = []
compile_source = importlib.machinery.SourceFileLoader.source_to_code
def noted(loader, data, path, **options):
    compiled.append(path)
    return compile_source(loader, data, path, **options)
importlib.machinery.SourceFileLoader.source_to_code = noted
import {module}
from expunge.table.store import store
store()
files = [each.__file__ for each in list(sys.modules.values()) if getattr(each, "__file__", None)]
print(json.dumps({{"compiled": compiled, "files": files}}))
"""

FIND = """
import json
from importlib.util import find_spec
print(json.dumps([name for name in {names} if find_spec(name) is not None]))
"""


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def machines(folder: Path) -> set[bytes]:
    return {path.read_bytes()[ELF_MACHINE] for path in folder.rglob("*.so")}


@pytest.mark.parametrize(("function", "module"), lambda_functions().items(), ids=lambda_functions())
def test_a_cold_start_compiles_nothing_but_its_handler_and_writes_nothing(
    function: str, module: str, artefacts: Artefacts
) -> None:
    before = files(artefacts.folder)

    seen = artefacts.python(IMPORT.format(module=module), function)

    ours = {path for path in seen["compiled"] if path.startswith(str(artefacts.folder))}
    assert ours == {str(artefacts.folder / function / f"{module}.py")}
    packages = {f"{artefacts.layer}/{name}/__init__.py" for name in ("aws_lambda_powertools", "expunge")}
    assert packages <= set(seen["files"])
    # Whoever runs as root may write all the same: the handler's own bytecode then.
    assert {Path(path).parent.parent.name for path in files(artefacts.folder) - before} <= {function}


def test_every_module_of_the_layer_has_bytecode_that_is_never_checked(artefacts: Artefacts) -> None:
    modules = list(artefacts.layer.rglob("*.py"))
    heads = {Path(cache_from_source(str(path))).read_bytes()[:8] for path in modules}
    assert heads == {MAGIC_NUMBER + UNCHECKED_HASH}
    assert len(list(artefacts.layer.rglob("*.pyc"))) == len(modules)


def test_bytecode_knows_the_path_that_lambda_gives_it(artefacts: Artefacts) -> None:
    bytecode = Path(cache_from_source(str(artefacts.layer / "expunge" / "table" / "store.py"))).read_bytes()
    assert marshal.loads(bytecode[16:]).co_filename == "/opt/python/expunge/table/store.py"  # noqa: S302 - our own


def test_the_layer_brings_what_functions_need_beside_the_runtime(artefacts: Artefacts) -> None:
    wanted = ["aws_lambda_powertools", "cbor2", "expunge", "pydantic", "pydantic_core", "re2"]
    absent = [
        "boto3",
        "botocore",
        "cli",
        "click",
        "hypercorn",
        "ministack",
        "moto",
        "mypy",
        "pip",
        "pytest",
        "tests",
    ]
    script = FIND.format(names=[*wanted, *absent])
    assert artefacts.python(script, "PurgeFunction", with_runtime=False) == wanted


def test_the_layer_holds_nothing_of_tests_or_tools(artefacts: Artefacts) -> None:
    layer = artefacts.folder / "ExpungeLayer"
    assert {path.name for path in layer.iterdir()} == {"python"}
    parts = {part for path in files(layer) for part in Path(path).parts}
    assert parts & {"bin", "tests", "test", "Makefile", "requirements.txt", "conftest.py"} == set()
    assert [part for part in parts if part.endswith((".pyi", ".c", ".pyx")) or part.startswith("test_")] == []
    assert machines(layer) == {X86_64}


def test_a_functions_artefact_holds_the_handlers_alone(artefacts: Artefacts) -> None:
    handlers = {f"{module}.py" for module in lambda_functions().values()}
    for function in lambda_functions():
        assert {path for path in files(artefacts.folder / function) if "__pycache__" not in path} == handlers


def test_the_layer_is_built_for_the_architecture_that_is_chosen(
    sam: Path, build: Path, tmp_path: Path
) -> None:
    assert machines(build) == {X86_64}
    run_sam(
        sam,
        "build",
        "ExpungeLayer",
        "--build-dir",
        str(tmp_path),
        "--parameter-overrides",
        "Architecture=arm64",
    )
    assert machines(tmp_path) == {AARCH64}
