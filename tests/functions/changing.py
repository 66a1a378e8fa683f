"""Records of the table's stream: messages that are deleted and restored."""

from expunge.table import keys
from tests.stream import Record, changed
from tests.world import ACCOUNT, message_id

REQUEST = "req_1"
DELETED_AT = "2026-04-07T11:00:00.000Z"


def pk(number: int) -> str:
    return keys.message("INBOUND", ACCOUNT, message_id(number))


def flags(request_id: str = REQUEST, deleted_at: str = DELETED_AT) -> dict[str, str]:
    return {"deleted_at": deleted_at, "deleted_by": "key_1", "delete_request_id": request_id}


def deletion(number: int, request_id: str = REQUEST) -> Record:
    return changed(pk(number), {}, flags(request_id))


def restoration(number: int, request_id: str = REQUEST) -> Record:
    restored = {"restored_at": "2026-04-08T00:00:00.000Z", "restored_by": "operator"}
    return changed(pk(number), flags(request_id), restored | {"restored_from": request_id})
