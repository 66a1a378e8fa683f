"""Requests with an Idempotency-Key: the same again is answered as the first time and does nothing more."""

from collections.abc import Callable
from dataclasses import replace

from expunge.errors import Refused, RequestInProgress
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.http.idempotency import claim
from expunge.webhooks.envelopes import Answer

Logic = Callable[[Call[ApiKey]], Answer]


def idempotent(logic: Logic) -> Logic:
    """Have the logic know of an earlier request with the same key, under whose id it then goes on.

    What a 4xx refuses leaves the key unused; after a 5xx or a partial failure a repetition goes on at once.
    """

    def run(call: Call[ApiKey]) -> Answer:
        request = call.request
        key = request.header("idempotency-key")
        if key is None:
            return logic(call)
        own_id = request.id
        claimed = claim(
            call.store, call.caller.account_id, key, request.fingerprint(), own_id, request.deadline
        )
        # From here on, in the answer as well, it is the first request.
        request.id = claimed.request_id
        if claimed.kept is not None:
            return Answer(claimed.kept, replayed=True)
        try:
            answer = logic(replace(call, claim=claimed))
            if answer.error is None and not answer.recorded:
                claimed.keep(answer.data)
        except RequestInProgress:
            request.id = own_id
            raise
        except Refused:
            if claimed.first:
                claimed.release()
            else:
                claimed.end()
            raise
        except Exception:
            claimed.end()
            raise
        if answer.error is not None:
            claimed.end()
        return answer

    return run
