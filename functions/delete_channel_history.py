"""DELETE /v3/history/sub-key/{sub_key}/channel/{channels}: delete messages (PubNub's API, document 004)."""

from expunge.history import delete_history
from expunge.history_endpoint import Call, history_endpoint


@history_endpoint
def handler(call: Call) -> None:
    """Answer that the messages in range are deleted; many of them are finished in the background."""
    delete_history(call)
