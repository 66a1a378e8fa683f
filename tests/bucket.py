"""A bucket of contents, and a service that may delete from it."""

from collections.abc import Callable
from typing import Any

import pytest

from expunge.deletions import contents
from expunge.table.session import session
from tests.disturbances import intercept

NAME = "contents"

Call = Callable[..., Any]


class Bucket:
    """What is in it, with every version; another bucket beside it must stay as it is."""

    def __init__(self, s3: Any, name: str = NAME, *, versioned: bool = True) -> None:
        self.s3 = s3
        self.name = name
        s3.create_bucket(Bucket=name)
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, versions: int = 1) -> str:
        """Put an object so often, and give its address."""
        for number in range(versions):
            self.s3.put_object(Bucket=self.name, Key=key, Body=f"content {number}")
        return f"s3://{self.name}/{key}"

    def hide(self, key: str) -> None:
        """Delete an object as whoever knows nothing of versions does."""
        self.s3.delete_object(Bucket=self.name, Key=key)

    def left(self) -> list[str]:
        """The key of every version and every mark of deletion."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.name)
        return [
            each["Key"]
            for page in pages
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]


def may_delete_from(name: str, patch: pytest.MonkeyPatch) -> None:
    """Have the service know a bucket, as the template's parameter does."""
    patch.setenv("CONTENT_BUCKET", name)
    contents.forget()


def s3() -> Any:
    """A client for tests."""
    return session().create_client("s3", region_name="us-east-1")


def intercept_all(patch: pytest.MonkeyPatch, call: Callable[[str, Call], Any]) -> None:
    """Have `call` answer in place of table and bucket; it is given the operation and the real call."""

    def intercepted(make: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        return call(operation, lambda: make(client, operation, params))

    intercept(patch, intercepted, ("dynamodb", "s3"))
