"""Contents in S3: an object is removed with every version of it, for good.

Its key goes out in the query of a listing and in the body of a deletion, never in a path, where what lies on
the way might take `..` or `%` for something else.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from botocore.config import Config

from expunge.deadline import Deadline
from expunge.errors import ContentLeft, OutOfTime, code_of
from expunge.settings import content_bucket, content_endpoint
from expunge.table.content_urls import key_in
from expunge.table.retries import FAILURES
from expunge.table.session import session

_PAGE = 100
"""Versions that are listed and deleted at a time; S3 lists all keys that begin with the one that is meant."""

_MOST_FAILURES = 3
"""After so many failures in a row, S3 is not asked again."""


_REFUSALS = ("AccessDenied", "NoSuchBucket", "InvalidAccessKeyId", "MethodNotAllowed")
"""Answers of S3 that stay the same until somebody changes something."""


class Contents:
    """The bucket that may be deleted from, as long as one piece of work lasts."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._failures = 0
        self._refused = False

    def refusal(self, url: str) -> ContentLeft | None:
        """Say why it is no use to try to remove what that address names; None if it is."""
        if not self._bucket:
            return ContentLeft("no bucket is set", stays=True)
        if key_in(self._bucket, url) is None:
            return ContentLeft("it is not in the bucket", stays=True)
        if self._failures >= _MOST_FAILURES:
            return ContentLeft("S3 did not do its part", stays=self._refused)
        return None

    def remove(self, url: str, deadline: Deadline, may: Callable[[], bool] = lambda: True) -> bool:
        """Remove an object, all of its versions and what marks it as deleted; nothing if it is gone.

        Nothing is sent any more once `may` says no; then False is returned. Raises ContentLeft, OutOfTime.
        What is left is removed by a repetition.
        """
        refusal = self.refusal(url)
        if refusal is not None:
            raise refusal
        try:
            removed = self._remove(str(key_in(self._bucket, url)), deadline, may)
        except FAILURES as error:
            self._failures += 1
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            self._refused = code in _REFUSALS
            raise ContentLeft(code_of(code or type(error).__name__), stays=self._refused) from error
        self._failures = 0
        return removed

    def _remove(self, key: str, deadline: Deadline, may: Callable[[], bool]) -> bool:
        while may():
            # Always the first ones: what was deleted is not listed any more.
            versions, more = self._versions(key, deadline)
            if versions and not may():
                return False
            if versions:
                self._delete(versions, deadline)
            if not more:
                return True
        return False

    def _versions(self, key: str, deadline: Deadline) -> tuple[list[dict[str, str]], bool]:
        """Versions of that very key, which comes first of all that begin with it; whether there are more."""
        _check(deadline)
        page = _client().list_object_versions(Bucket=self._bucket, Prefix=key, MaxKeys=_PAGE)
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        own = [{"Key": key, "VersionId": each["VersionId"]} for each in found if each["Key"] == key]
        return own, len(own) == len(found) > 0 and bool(page.get("IsTruncated"))

    def _delete(self, versions: list[dict[str, str]], deadline: Deadline) -> None:
        _check(deadline)
        reply = _client().delete_objects(Bucket=self._bucket, Delete={"Objects": versions, "Quiet": True})
        if reply.get("Errors"):
            # Such as a version that is locked: that is about this object only.
            code = reply["Errors"][0].get("Code", "InternalError")
            raise ContentLeft(code_of(code), stays=code in _REFUSALS)


def contents() -> Contents:
    """The bucket that the environment names."""
    return Contents(content_bucket())


def _check(deadline: Deadline) -> None:
    if deadline.to_start() <= 0:
        raise OutOfTime


@cache
def _client() -> Any:
    """Make a client when it is first needed: most deployments never do."""
    # An endpoint of one's own may have no names for its buckets.
    style: Literal["path", "auto"] = "path" if content_endpoint() else "auto"
    config = Config(
        # Two attempts of each call take 8 s at most; its caller tries again by and by.
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=16,
        tcp_keepalive=True,
        s3={"addressing_style": style},
    )
    return session().create_client("s3", config=config)


def forget() -> None:
    """Make a new client next time."""
    _client.cache_clear()
