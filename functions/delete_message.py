"""DELETE /v1/messages/{message_id}: delete a message from its linked account, for good (document 003)."""

from expunge import timestamps
from expunge.linked_accounts import provider_for_deletion
from expunge.linked_messages import claimed, is_message_id
from expunge.problem_endpoint import Call, problem_endpoint
from expunge.problems import Problem
from expunge.providers import delete_at_provider
from expunge.soft_delete import Deletion
from expunge.telemetry import count


@problem_endpoint(scope="messages:delete")
def handler(call: Call) -> None:
    """Delete at the provider first, and here only after its yes."""
    message_id, account_id = call.request.path("message_id"), call.key.account_id
    deadline = call.request.deadline
    if not is_message_id(message_id):
        raise Problem("invalid_resource_identifier", 'A message id is "msg_" and 26 characters of base32')
    with claimed(call.store, account_id, message_id, deadline) as claim:
        provider = provider_for_deletion(
            call.store, account_id, claim.linked_account_id, claim.sent_at, deadline
        )
        delete_at_provider(provider, claim.provider_message_id, deadline)
        deletion = Deletion.of(call.request.id, call.key.key_id, timestamps.now(), retention_days=0)
        claim.erase(deletion, deadline.for_settling())
    count("linked", Deleted=1)
