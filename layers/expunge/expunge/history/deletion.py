"""Deleting from the history of channels (PubNub's API)."""

from expunge import timetokens
from expunge.deletions.soft_delete import Deletion
from expunge.history.admission import Stretch
from expunge.history.sweeps import Sweep, carry_out
from expunge.http.endpoint import Call
from expunge.settings import settings
from expunge.telemetry import count

# PubNub's SDKs give up after 10 s, so the answer goes out before; what is left is done in the background. A
# fair number is deleted all the same where the store is slow.
_SECONDS = 8.0
_AT_LEAST = 5000


def delete_history(call: Call[Stretch]) -> None:
    """Delete what is in range now, as much as there is time for; the background does the rest.

    What is in range is settled when the request arrives. A timetoken is the time of publishing, so a message
    with one before that was there. A message that is dated later (its publisher's clock was ahead, or it was
    published after the request) is deleted only if the store had it before the request arrived.

    Raises StoreError if the store fails before what is left is noted; repeating the request is safe.
    """
    stretch = call.caller
    if not stretch.timetokens:
        return
    deadline = call.request.deadline
    time_at_first = deadline.to_end()

    def enough(deleted: int) -> bool:
        return deleted >= _AT_LEAST and time_at_first - deadline.to_end() > _SECONDS

    deletion = Deletion.of(call.request.id, stretch.sub_key, stretch.at, settings().retention_days)
    sweep = Sweep(
        stretch.sub_key, stretch.channels, stretch.timetokens, timetokens.after(stretch.at), deletion
    )
    deleted, finished = carry_out(call.store, sweep, deadline, enough=enough)
    count("channel", Deleted=deleted, LeftToBackground=int(not finished))
