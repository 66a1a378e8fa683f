"""DELETE /v3/history/sub-key/{sub_key}/channel/{channels}: delete messages (PubNub's API).

https://www.pubnub.com/docs/sdks/rest-api/delete-message-history describes the call.
"""

from expunge.history import envelopes
from expunge.history.admission import Stretch, permitted
from expunge.history.deletion import delete_history
from expunge.http.endpoint import Call, endpoint


@endpoint(permitted, envelopes)
def handler(call: Call[Stretch]) -> None:
    """Answer that the messages in range are deleted; what takes longer is finished in the background."""
    delete_history(call)
