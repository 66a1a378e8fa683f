"""DELETE /v1/messages/{message_id}: an outbound message (HookBridge) or a linked account's (PostPress).

A UUID is the id of an outbound message; any other id, and under /api every id, is that of a linked account's
message (https://api.postpress.io/docs/messages-delete). The code of each kind is imported with the first
request for it, because few sandboxes ever get requests for both.
"""

import re
from functools import cache

from expunge.deadline import Context
from expunge.http.endpoint import Handler, endpoint
from expunge.http.request import Event
from expunge.http.response import Response
from expunge.vocabulary import UUID

_UUID = re.compile(UUID)


def handler(event: Event, context: Context) -> Response:
    """Delete the message, and answer as the API of its kind does."""
    is_uuid = _UUID.fullmatch(event["pathParameters"]["message_id"]) is not None
    outbound = is_uuid and " /api/" not in event["routeKey"]
    return (_outbound() if outbound else _linked())(event, context)


@cache
def _outbound() -> Handler:
    from expunge.webhooks import envelopes  # noqa: PLC0415 - see above
    from expunge.webhooks.admission import key_with  # noqa: PLC0415
    from expunge.webhooks.delete_by_id import delete_one  # noqa: PLC0415
    from expunge.webhooks.families import OUTBOUND  # noqa: PLC0415
    from expunge.webhooks.repeating import idempotent  # noqa: PLC0415

    return endpoint(key_with(OUTBOUND.scope), envelopes)(idempotent(lambda call: delete_one(call, OUTBOUND)))


@cache
def _linked() -> Handler:
    from expunge.linked import envelopes  # noqa: PLC0415 - see above
    from expunge.linked.admission import key_with  # noqa: PLC0415
    from expunge.linked.deletion import delete_message  # noqa: PLC0415

    return endpoint(key_with("messages:delete"), envelopes)(delete_message)
