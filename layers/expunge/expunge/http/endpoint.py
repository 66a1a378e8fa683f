"""From a Lambda event to a family's logic and back to its envelope."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, Protocol, TypeVar

import expunge.cold_start  # noqa: F401 - before all others
from expunge.deadline import Context
from expunge.errors import Refused
from expunge.http.idempotency import Claim
from expunge.http.request import Event, Request
from expunge.http.response import Response
from expunge.table.store import Store
from expunge.telemetry import logger

CallerT = TypeVar("CallerT")
ResultT = TypeVar("ResultT")
ResultT_contra = TypeVar("ResultT_contra", contravariant=True)

Handler = Callable[[Event, Context], Response]


@dataclass(frozen=True, slots=True)
class Call(Generic[CallerT]):
    """An admitted request: who calls, as the family's admission found out, and the table to work on."""

    request: Request
    caller: CallerT
    store: Store
    claim: Claim | None = None
    """What is known of the request's idempotency key, if it has one."""

    @property
    def repeated(self) -> bool:
        """Whether an earlier request with the same key may have done something of this one already."""
        return self.claim is not None and not self.claim.first


class Envelopes(Protocol[ResultT_contra]):
    """How a family writes its replies; its module `envelopes` is one."""

    def success(self, result: ResultT_contra, request_id: str) -> Response:
        """Answer with what the logic returned."""

    def failure(self, error: Exception, request_id: str) -> Response:
        """Answer for a request that was refused or that failed."""


def endpoint(
    admit: Callable[[Request], Call[CallerT]], envelopes: Envelopes[ResultT]
) -> Callable[[Callable[[Call[CallerT]], ResultT]], Handler]:
    """Make a Lambda handler of the logic: admission before anything else, one envelope after all.

    What the admission and the logic refuse is logged in a line; what fails, with its traceback.
    """

    def decorate(logic: Callable[[Call[CallerT]], Any]) -> Handler:
        @wraps(logic)
        def handler(event: Event, context: Context) -> Response:
            request = Request(event, context)
            with logger.append_context_keys(request_id=request.id):
                try:
                    result = logic(admit(request))
                except Refused as refused:
                    logger.info("Refused", extra={"code": refused.code})
                    return envelopes.failure(refused, request.id)
                except Exception as error:
                    logger.exception("Failed")
                    return envelopes.failure(error, request.id)
                return envelopes.success(result, request.id)

        return handler

    return decorate
