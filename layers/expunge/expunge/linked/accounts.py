"""Linked accounts: whether a message that one of them sent may be deleted, before its provider is asked."""

from datetime import datetime, timedelta

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.deletions.holds import in_force, places_of
from expunge.problems import CATALOGUE, Problem
from expunge.table import keys
from expunge.table.store import Store

CONNECTED = "connected"
"""The one state in which an account can be used; any other is the name of a problem."""

_WINDOW = {"WHATSAPP": None, "LINKEDIN": timedelta(minutes=60)}
"""Providers that can delete a message, and how long after it was sent they do; None: always."""


def provider_for_deletion(
    store: Store, pk: str, account_id: str, linked_account_id: str, sent_at: datetime, deadline: Deadline
) -> str:
    """Return the provider to ask. Raises Problem if the message cannot be deleted anyway, StoreError.

    `pk` is the message's partition key: one read tells its account and whether a hold covers it. The time
    since `sent_at` is taken by this service's clock; a message from the future was just sent.
    """
    place = (keys.account(account_id), keys.LINKED_ACCOUNT + linked_account_id)
    held = [(keys.IN_FORCE, each) for each in places_of(pk, linked_account_id)]
    found = store.get_batch([place, *held], deadline.for_searching(), "sk, provider, link_state, holds")
    account = next((item for item in found if "provider" in item), None)
    if account is None:
        raise Problem("disconnected_account", "The account that sent the message is no longer linked")
    provider = str(account["provider"]["S"])
    if provider not in _WINDOW:
        raise Problem("account_mismatch", "Only messages of WhatsApp and LinkedIn accounts can be deleted")
    if any(in_force(item) for item in found):
        raise Problem("insufficient_permissions", "A legal hold covers this message: it must be kept")
    window = _WINDOW[provider]
    if window is not None and timestamps.now() - sent_at > window:
        raise Problem(
            "insufficient_permissions", "LinkedIn deletes a message only within 60 minutes after it was sent"
        )
    state = account["link_state"]["S"]
    if state != CONNECTED:
        # A state that is in no catalogue says only that the account is not connected.
        name = state if state in CATALOGUE else "disconnected_account"
        raise Problem(name, "The linked account cannot be used in its present state")
    return provider
