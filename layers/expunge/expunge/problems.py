"""PostPress's catalogue of errors: every way in which deleting a linked account's message can fail.

https://api.postpress.io/docs/messages-delete lists them.

A type is named here without its ``errors/``. Credentials, an account's state, the provider and the network
each name one.
"""

from expunge.errors import Refused

_BY_STATUS = {
    401: {
        "missing_credentials": "Missing credentials",
        "multiple_sessions": "Multiple sessions",
        "invalid_checkpoint_solution": "Invalid checkpoint solution",
        "invalid_proxy_credentials": "Invalid proxy credentials",
        "checkpoint_error": "Checkpoint error",
        "invalid_credentials": "Invalid credentials",
        "expired_credentials": "Expired credentials",
        "insufficient_privileges": "Insufficient privileges",
        "disconnected_account": "Disconnected account",
        "disconnected_feature": "Disconnected feature",
        "invalid_credentials_but_valid_account_imap": "Invalid IMAP credentials but valid account",
        "expired_link": "Expired link",
        "wrong_account": "Wrong account",
    },
    403: {
        "account_restricted": "Account restricted",
        "account_mismatch": "Account mismatch",
        "insufficient_permissions": "Insufficient permissions",
        "session_mismatch": "Session mismatch",
        "feature_not_subscribed": "Feature not subscribed",
        "subscription_required": "Subscription required",
        "unknown_authentication_context": "Unknown authentication context",
        "action_required": "Action required",
        "resource_access_restricted": "Resource access restricted",
    },
    404: {
        "resource_not_found": "Resource not found",
        "invalid_resource_identifier": "Invalid resource identifier",
    },
    500: {
        "unexpected_error": "Unexpected error",
        "provider_error": "Provider error",
        "authentication_intent_error": "Authentication intent error",
    },
    503: {
        "no_client_session": "No client session",
        "no_channel": "No channel",
        "no_handler": "No handler",
        "network_down": "Network down",
        "service_unavailable": "Service unavailable",
    },
    504: {
        "request_timeout": "Request timeout",
    },
}

CATALOGUE = {name: (status, title) for status, titles in _BY_STATUS.items() for name, title in titles.items()}
"""Status and title of each type."""


class Problem(Refused):
    """A request that ends with one of the catalogue's types. Raises KeyError for a name that is not in it."""

    def __init__(self, name: str, detail: str, retry_after: int | None = None) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail)
        self.status, self.title = CATALOGUE[name]
        self.code = f"errors/{name}"
        self.retry_after = retry_after
