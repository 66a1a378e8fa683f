"""PostPress's catalogue of errors, written out a second time: types by status."""

import pytest

from expunge.problems import CATALOGUE, Problem

DOCUMENTED = {
    401: {
        "missing_credentials",
        "multiple_sessions",
        "invalid_checkpoint_solution",
        "invalid_proxy_credentials",
        "checkpoint_error",
        "invalid_credentials",
        "expired_credentials",
        "insufficient_privileges",
        "disconnected_account",
        "disconnected_feature",
        "invalid_credentials_but_valid_account_imap",
        "expired_link",
        "wrong_account",
    },
    403: {
        "account_restricted",
        "account_mismatch",
        "insufficient_permissions",
        "session_mismatch",
        "feature_not_subscribed",
        "subscription_required",
        "unknown_authentication_context",
        "action_required",
        "resource_access_restricted",
    },
    404: {"resource_not_found", "invalid_resource_identifier"},
    500: {"unexpected_error", "provider_error", "authentication_intent_error"},
    503: {"no_client_session", "no_channel", "no_handler", "network_down", "service_unavailable"},
    504: {"request_timeout"},
}


def test_the_catalogue_has_the_33_documented_types_with_their_status_each_with_a_title_of_its_own() -> None:
    by_status: dict[int, set[str]] = {}
    for name, (status, _) in CATALOGUE.items():
        by_status.setdefault(status, set()).add(name)

    assert by_status == DOCUMENTED
    assert len({title for _, title in CATALOGUE.values()}) == 33


def test_there_is_no_problem_outside_the_catalogue() -> None:
    with pytest.raises(KeyError):
        Problem("errors/missing_credentials", "named with its prefix")
