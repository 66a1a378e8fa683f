"""What nobody foresaw: the caller learns that it failed, in the family's envelope, and no more."""

from collections.abc import Callable
from typing import Any

import pytest

from delete_channel_history import handler as delete_history
from delete_inbound_messages import handler as delete_all
from delete_message import handler as delete_message
from expunge.table.store import store
from tests.failing import raising
from tests.world import LINKED, SUB_KEY, Handler, call


@pytest.mark.parametrize(
    ("handler", "path", "said"),
    [
        (delete_all, None, {"error": {"code": "INTERNAL_ERROR", "message": "An internal error occurred"}}),
        (
            delete_history,
            {"sub_key": SUB_KEY, "channels": "ch1"},
            {"status": 500, "error": True, "error_message": "An internal error occurred"},
        ),
        (
            delete_message,
            {"message_id": LINKED},
            {
                "title": "Unexpected error",
                "detail": "The service failed; its log says more under the request's id",
                "type": "errors/unexpected_error",
                "status": 500,
            },
        ),
    ],
)
@pytest.mark.usefixtures("world")
def test_an_unforeseen_failure_is_a_500_that_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], Any], handler: Handler, path: Any, said: Any
) -> None:
    words = "a secret"

    for operation in ("get_item", "batch_get_item", "query"):
        monkeypatch.setattr(store().client, operation, raising(RuntimeError(words)))

    reply = call(handler, path=path)

    assert reply.status == 500
    assert {name: value for name, value in reply.body.items() if name not in ("meta", "instance")} == said
    [line] = logged()
    assert (line["level"], line["message"], line["exception_name"]) == ("ERROR", "Failed", "RuntimeError")
    assert words not in str(line)
