"""Hold a running service to openapi.yaml: `python tests/schemathesis/hold.py SCHEMATHESIS CASES [OPTION]...`

CASES is how many cases there are at most of each operation and phase. Ends with Schemathesis' exit status.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The first of them has another in its place, in checks.py, which knows what a schema cannot say. Nor does API
# Gateway answer a method that a path does not have with 405: with 404, as it does any unknown route.
EXCLUDED = "positive_data_acceptance,unsupported_method,allow_header_conformance"
SERVE = [str(Path(sys.executable).with_name("expunge")), "serve", "--port", "0", "--dynamodb-port", "0"]


def main(schemathesis: str, cases: str, *options: str) -> int:
    """Serve the demo records, and have Schemathesis send its cases."""
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as served:  # noqa: S603 - our own command
        assert served.stdout is not None
        try:
            url = next(line.split()[-1] for line in served.stdout if line.startswith("expunge listening on"))
            return subprocess.run(  # noqa: S603 - what the Makefile names
                [
                    *(schemathesis, "--config-file", ROOT / "schemathesis.toml"),
                    *("run", ROOT / "openapi.yaml"),
                    *("--url", url, "--checks", "all", "--exclude-checks", EXCLUDED),
                    *("--max-examples", cases, "--no-color", "--warnings", "off", *options),
                ],
                cwd=ROOT,
                env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.schemathesis.checks"},
                check=False,
            ).returncode
        finally:
            served.terminate()
            served.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
