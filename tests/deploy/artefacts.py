"""Built artefacts as Lambda sees them: nothing can be written, and nothing else can be imported."""

import json
import os
import py_compile
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cli.template import functions

RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's runtime brings: boto3 and all that it needs."""


def read_only(build: Path, folder: Path) -> Path:
    """Copy what `sam build` made, so that nothing but root can write to it."""
    for source in build.iterdir():
        if source.is_dir():
            shutil.copytree(source, folder / source.name)
            for path in (folder / source.name, *(folder / source.name).rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def runtime(folder: Path) -> Path:
    """Fill a folder with the runtime's packages, from this environment, bytecode included."""
    for name in RUNTIME:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            (folder / name).symlink_to(origin.parent)
        else:
            py_compile.compile(str(shutil.copy(origin, folder)))
    return folder


@dataclass(frozen=True)
class Artefacts:
    """A folder for the layer and one for each function, and the packages of the runtime."""

    folder: Path
    runtime: Path

    @property
    def layer(self) -> Path:
        return self.folder / "ExpungeLayer" / "python"

    def python(self, script: str, function: str, *, with_runtime: bool = True) -> Any:
        """Run a script in a fresh Python as Lambda's is; returns the JSON that it prints."""
        settings = next(each.environment for each in functions() if each.name == function)
        path = [self.folder / function, self.layer, *([self.runtime] if with_runtime else [])]
        done = subprocess.run(  # noqa: S603 - our own scripts
            [sys.executable, "-B", "-P", "-S", "-c", script],
            env={
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                **settings,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
