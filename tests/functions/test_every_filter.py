"""Every filter of every delete-all is heeded: one that is read and then forgotten would delete too much."""

from collections.abc import Mapping
from typing import NamedTuple

import pytest

import delete_inbound_messages
import delete_outbound_messages
import delete_pull_events
from expunge.webhooks.filters import INBOUND_FILTERS, OUTBOUND_FILTERS, PULL_FILTERS, Form
from tests.world import INBOUND, OUTBOUND, PULL, Handler, World, at, call

OTHER = "01935abc-0000-7000-8000-0000000000ff"


class DeleteAll(NamedTuple):
    """One of the calls; of each filter, what a message of second 1 matches, and what it does not."""

    handler: Handler
    form: Form
    filters: Mapping[str, tuple[str, str]]


CALLS = {
    "inbound": DeleteAll(
        delete_inbound_messages.handler,
        INBOUND_FILTERS,
        {
            "status": ("succeeded", "queued"),
            "received_after": (at(1), at(2)),
            "received_before": (at(2), at(1)),
            "inbound_endpoint_id": (INBOUND, OTHER),
        },
    ),
    "pull": DeleteAll(
        delete_pull_events.handler,
        PULL_FILTERS,
        {
            "status": ("stored", "fetched"),
            "received_after": (at(1), at(2)),
            "received_before": (at(2), at(1)),
            "event_type": ("order.created", "order.paid"),
        },
    ),
    "outbound": DeleteAll(
        delete_outbound_messages.handler,
        OUTBOUND_FILTERS,
        {
            "status": ("succeeded", "queued"),
            "created_after": (at(1), at(2)),
            "created_before": (at(2), at(1)),
            "endpoint_id": (OUTBOUND, OTHER),
        },
    ),
}
NO_FILTERS = {"limit", "dry_run"}


@pytest.mark.parametrize("family", CALLS)
def test_every_filter_is_tried_here(family: str) -> None:
    lacking = CALLS[family].form.parameters.keys() - NO_FILTERS - CALLS[family].filters.keys()
    assert sorted(lacking) == [], f"CALLS lacks filters of {family}: say what matches each, and what does not"


@pytest.mark.parametrize(("family", "name"), [(each, name) for each in CALLS for name in CALLS[each].filters])
def test_a_filter_leaves_alone_what_does_not_match(world: World, family: str, name: str) -> None:
    world.customer()
    world.inbound_endpoint(OTHER)
    world.outbound_endpoint()
    world.outbound_endpoint(OTHER)
    world.message(1)
    world.event(1)
    world.outbound_message(1)
    handler, _, filters = CALLS[family]
    matching, other = filters[name]

    for text, count in ((other, 0), (matching, 1)):
        reply = call(handler, query={name: text}, path={"id": PULL})
        assert reply.data["deleted"] == count, f"{name}={text}"
