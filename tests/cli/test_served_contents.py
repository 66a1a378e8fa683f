"""`expunge serve` with contents in its embedded S3: what is purged is gone from there, too."""

import json
import time
from pathlib import Path

import pytest

from cli.dynamodb import connection
from cli.main import run
from tests.bucket import NAME, Bucket
from tests.cli.serving import serving
from tests.world import ACCOUNT, INBOUND, at, message_id

KEYS = ["in/1", "a/../b", "a b", "a+b", "%2e%2e", "caf\u00e9", "\U0001f600", "//x"]
DELETED = {
    "deleted_at": "2025-05-02T12:00:00.000Z",
    "deleted_by": "key_1",
    "delete_request_id": "req_1",
    "purge_at": "2025-06-01T12:00:00.000Z",
}


@pytest.mark.slow
def test_what_is_purged_is_gone_from_the_embedded_s3(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    record = {"kind": "inbound_message", "account_id": ACCOUNT, "inbound_endpoint_id": INBOUND}
    record |= {"status": "succeeded", "received_at": at(0)}
    file.write_text(
        "".join(
            json.dumps(record | {"id": message_id(n), "content_url": f"s3://{NAME}/{key}"} | DELETED) + "\n"
            for n, key in enumerate(KEYS)
        )
    )
    with serving("--no-demo", "--content-bucket", NAME, "--purge-every", "1") as served:
        url = served.greeting[0].split()[3]
        assert served.greeting[1] == f"S3 listens on {url} too, with the bucket {NAME}.\n"
        bucket = Bucket(connection(url, "s3"))
        for key in (*KEYS, "in/10", "b"):
            bucket.put(key, versions=2)

        assert run(["load", str(file), "--dynamodb-url", url, "--content-bucket", NAME]) == 0

        until = time.monotonic() + 60
        while len(bucket.left()) > 4 and time.monotonic() < until:
            time.sleep(0.2)
        assert sorted(bucket.left()) == ["b", "b", "in/10", "in/10"]
