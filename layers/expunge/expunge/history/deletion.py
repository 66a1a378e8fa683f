"""Deletes from the history of channels (https://www.pubnub.com/docs/sdks/rest-api/delete-message-history)."""

from expunge import timetokens
from expunge.deletions.soft_delete import Deletion
from expunge.errors import StoreError
from expunge.history import notes
from expunge.history.admission import Stretch
from expunge.history.notes import Sweep
from expunge.history.passes import delete_found
from expunge.http.endpoint import Call
from expunge.settings import settings
from expunge.telemetry import count, logger


def delete_history(call: Call[Stretch]) -> None:
    """Delete what is in range now, as much as there is time for; the background does the rest.

    The deletion is noted in the table first. From then on it is carried out, whatever happens to this
    function. The background goes through the range once more when the index shows all that was stored before
    the request.

    Raises StoreError if it cannot be noted. Then nothing was deleted, and repeating the request is safe.
    """
    stretch = call.caller
    if not stretch.timetokens:
        return
    deletion = Deletion.of(call.request.id, stretch.sub_key, stretch.at, settings().retention_days)
    sweep = Sweep(
        stretch.sub_key, stretch.channels, stretch.timetokens, timetokens.after(stretch.at), deletion
    )
    notes.put(call.store, sweep, stretch.deadline)
    deleted, left = 0, 0
    try:
        for step in delete_found(call.store, sweep, stretch.deadline):
            deleted += step
    except StoreError as error:
        logger.info("Left to the background", extra={"sweep": sweep.place.sk, "reason": error.reason})
        left = 1
    count("channel", Deleted=deleted, LeftToBackground=left)
