"""Everything that can go wrong on purpose.

ExpungeError
├── Refused                 the caller is told why, and nothing was changed
│   ├── InvalidRequest      400 INVALID_REQUEST
│   ├── EndpointNotFound    400 ENDPOINT_NOT_FOUND
│   ├── Unauthorized        401 UNAUTHORIZED
│   ├── Forbidden           403 FORBIDDEN
│   ├── NotFound            404 NOT_FOUND
│   ├── NotRestorable       409 NOT_RESTORABLE
│   ├── RequestInProgress   409 REQUEST_IN_PROGRESS
│   ├── KeyReused           422 IDEMPOTENCY_KEY_REUSED
│   ├── AccessDenied        400 or 403 ACCESS_DENIED
│   └── Problem             one of PostPress's types; see problems.py
├── AlreadyDeleted          a writer came too late: the message is deleted or was purged
├── ContentLeft             an object in S3 was not removed
├── PurgeFailed             the store failed a purge
├── PurgeUnderWay           another run of the purge is at work
├── Braked                  a run of the purge was stopped on purpose; `reason` says by what
│   ├── PurgePaused
│   ├── EnoughPurged
│   └── RoundOver
├── HoldError               a hold is not placed or released, the message says why
│   ├── NotHoldable         what should be held can't be meant so
│   ├── NoSuchHold          no hold has that id
│   └── HoldReleased        it was released before
└── StoreError              the store did not do its part; `reason` says it in words for the caller
    ├── Unavailable
    ├── Throttled
    └── OutOfTime
"""

import re
from collections.abc import Sequence

# SQS alone puts its name in front.
_CODE = re.compile(r"(AWS\.SimpleQueueService\.)?[A-Za-z]{1,64}|[0-9]{3}")


def code_of(given: object) -> str:
    """Repeat the code that AWS gave with an error, which may be logged; what is none may quote anything."""
    return given if isinstance(given, str) and _CODE.fullmatch(given) else "UnknownCode"


class ExpungeError(Exception):
    """The root of the tree."""


class Refused(ExpungeError):
    """A request that is answered with its family's error envelope; the message is for the caller."""

    status: int
    code: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(Refused):
    """The message names the parameter and what it must be."""

    status = 400
    code = "INVALID_REQUEST"


class EndpointNotFound(Refused):
    """A filter names an endpoint that the account does not have."""

    status = 400
    code = "ENDPOINT_NOT_FOUND"


class Unauthorized(Refused):
    """No API key, or not one that is good now."""

    status = 401
    code = "UNAUTHORIZED"


class Forbidden(Refused):
    """The API key is good, but not for this."""

    status = 403
    code = "FORBIDDEN"


class NotFound(Refused):
    """The path names an endpoint that the account does not have."""

    status = 404
    code = "NOT_FOUND"


class NotRestorable(Refused):
    """None of what a deletion flagged is deleted or restored any more."""

    status = 409
    code = "NOT_RESTORABLE"


class RequestInProgress(Refused):
    """The first request with an idempotency key can still be at work."""

    status = 409
    code = "REQUEST_IN_PROGRESS"


class KeyReused(Refused):
    """An idempotency key was given to another request before."""

    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"


class AccessDenied(Refused):
    """The Access Manager does not let a request delete history; `channels` are those that it lacks."""

    code = "ACCESS_DENIED"

    def __init__(self, message: str, status: int = 403, channels: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.channels = tuple(channels)


class AlreadyDeleted(ExpungeError):
    """A writer came too late: nothing was changed, and the message stays deleted."""

    def __init__(self) -> None:
        super().__init__("The message is deleted")


class Unreadable(ExpungeError):
    """A message in the table that makes no record: another writer, or a backup, has left it so."""

    def __init__(self) -> None:
        super().__init__("The message cannot be read; `expunge check` says what is wrong with it")


class StoreError(ExpungeError):
    """DynamoDB failed, and trying again within the time at hand did not help."""

    reason: str


class Unavailable(StoreError):
    """No answer, or none that can be used."""

    reason = "store unavailable"


class Throttled(StoreError):
    """The store asked to slow down until the time was up."""

    reason = "store throttled"


class OutOfTime(StoreError):
    """The invocation's time budget is used up."""

    reason = "out of time"


class ContentLeft(ExpungeError):
    """Content in S3 that was not removed; says why, by S3's code or in our own words.

    `stays` tells that trying again at once is no use: something has to be changed first.
    """

    def __init__(self, reason: str, *, stays: bool) -> None:
        super().__init__(reason)
        self.stays = stays


class PurgeFailed(ExpungeError):
    """The store failed, so a purge ended after `purged` messages. It says why, and how far the purge got.

    `in_doubt` is how many more may be gone, because the store never said.
    """

    def __init__(self, error: StoreError, purged: int, resumed: int, in_doubt: int = 0) -> None:
        super().__init__(
            f"Stopped after {purged} messages were purged and {resumed} background deletions resumed:"
            f" {error.reason}. {f'{in_doubt} more may have been purged. ' if in_doubt else ''}"
            "The next run continues."
        )
        self.purged = purged
        self.in_doubt = in_doubt


class PurgeUnderWay(ExpungeError):
    """Another run of the purge is at work; `until` is when its lease ends unless that run renews it."""

    def __init__(self, until: str) -> None:
        super().__init__(f"Another run is at work; its lease lasts until {until} and longer while it works.")
        self.until = until


class Braked(ExpungeError):
    """A run of the purge was stopped on purpose, though more may be due."""

    reason: str


class PurgePaused(Braked):
    """Somebody has paused the purge."""

    reason = "paused"


class EnoughPurged(Braked):
    """The run has removed as many messages as one may."""

    reason = "as many as one run may remove"


class RoundOver(Braked):
    """A later round has taken the place of the one that a worker works in."""

    reason = "another round has begun"


class HoldError(ExpungeError):
    """A hold was not placed or released. The message says why in a sentence without capital and full stop."""


class NotHoldable(HoldError, ValueError):
    """What should be held, or the reason for it, can't be meant so."""


class NoSuchHold(HoldError):
    """No hold has that id."""


class HoldReleased(HoldError):
    """It was released before."""
