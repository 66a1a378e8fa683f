"""Deleting a message from its linked account, for good."""

from expunge import timestamps
from expunge.deletions.soft_delete import Deletion
from expunge.http.auth import ApiKey
from expunge.http.endpoint import Call
from expunge.linked.accounts import provider_for_deletion
from expunge.linked.messages import claimed, is_message_id
from expunge.linked.providers import delete_at_provider
from expunge.problems import Problem
from expunge.telemetry import count


def delete_message(call: Call[ApiKey]) -> None:
    """Delete at the provider first, and here only after its yes. Raises Problem, StoreError."""
    message_id, account_id = call.request.path("message_id"), call.caller.account_id
    deadline = call.request.deadline
    if not is_message_id(message_id):
        raise Problem("invalid_resource_identifier", 'A message id is "msg_" and 26 characters of base32')
    with claimed(call.store, account_id, message_id, deadline) as claim:
        provider = provider_for_deletion(
            call.store, claim.pk, account_id, claim.linked_account_id, claim.sent_at, deadline
        )
        delete_at_provider(provider, claim.provider_message_id, deadline)
        deletion = Deletion.of(call.request.id, call.caller.key_id, timestamps.now(), retention_days=0)
        claim.erase(deletion, deadline.for_settling())
    claim.remove_content(deadline)
    count("linked", Deleted=1)
