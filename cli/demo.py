"""The demo records of events/demo.jsonl, and what to try with them."""

from collections.abc import Iterable, Iterator
from typing import Final

from cli.template import TEMPLATE

RECORDS: Final = TEMPLATE.parent / "events" / "demo.jsonl"

API_KEY: Final = "hb_demo_key"

_ID: Final = "01961e00-0000-7000-8000-0000000"
_ORDERS: Final = f"{_ID}00002"
_HISTORY: Final = "/v3/history/sub-key/sub-c-demo/channel/demo-channel"

REQUESTS: Final = (
    (
        "the inbound messages that failed for good",
        "POST",
        "/v1/inbound-messages/delete-all?status=failed_permanent",
        "",
    ),
    (
        "two inbound messages by id, the second of which does not exist",
        "POST",
        "/v1/inbound-messages/delete-batch",
        f'{{"message_ids":["{_ID}00106","{_ID}00199"]}}',
    ),
    ("one inbound message", "DELETE", f"/v1/inbound-messages/{_ID}00107", ""),
    (
        'every "order.created" event',
        "POST",
        f"/v1/pull-endpoints/{_ORDERS}/events/delete-all?event_type=order.created",
        "",
    ),
    (
        "three events by id, the last of which does not exist",
        "POST",
        f"/v1/pull-endpoints/{_ORDERS}/events/delete-batch",
        f'{{"message_ids":["{_ID}00202","{_ID}00203","{_ID}00999"]}}',
    ),
    ("one event", "DELETE", f"/v1/pull-endpoints/{_ORDERS}/events/{_ID}00205", ""),
    (
        "the outbound messages of the first week of April",
        "POST",
        "/v1/messages/delete-all?created_before=2026-04-08T00:00:00Z",
        "",
    ),
    ("an outbound message by id", "POST", "/v1/messages/delete-batch", f'{{"message_ids":["{_ID}00303"]}}'),
    ("one outbound message", "DELETE", f"/v1/messages/{_ID}00304", ""),
    (
        "a WhatsApp message, for good; a stand-in for WhatsApp says yes",
        "DELETE",
        "/v1/messages/msg_01HXYZ4QK3WJ8FN3M6QH7TZ8GR",
        "",
    ),
    (
        "what was published in a channel in an hour; its keyset asks for no permission",
        "DELETE",
        f"{_HISTORY}?start=17767080000000000&end=17767044000000000",
        "",
    ),
)
"""For each endpoint that deletes: what it deletes, method, path with query, and JSON body or nothing."""

_LISTED: Final = ("the deletions, newest first", "GET", "/v1/deletions", "")
_PLANNED: Final = (
    "a deletion that is only planned",
    "POST",
    "/v1/inbound-messages/delete-all?dry_run=true",
    "",
)
_AN_ID: Final = "REQUEST_ID"

LOOK_UPS: Final = (
    _LISTED,
    ("one of them: what became of it", "GET", f"/v1/deletions/{_AN_ID}", ""),
    ("its messages", "GET", f"/v1/deletions/{_AN_ID}/messages", ""),
    ("its messages live again", "POST", f"/v1/deletions/{_AN_ID}/restore", ""),
    _PLANNED,
    ("such a plan, carried out", "POST", f"/v1/deletions/{_AN_ID}/execute", ""),
)
"""Likewise for each endpoint that looks deletions up, undoes or plans them."""


_RECORD: Final = (
    '{"kind":"inbound_message","account_id":"acc_demo","id":"'
    f'{_ID}00999","inbound_endpoint_id":"{_ID}00001","status":"succeeded",'
    '"received_at":"2026-04-21T09:30:00Z","payload":{"amount":1900}}'
)
"""What POST /records is tried with."""


def dynamodb_line(url: str) -> str:
    """Say where the records are."""
    return f"DynamoDB listens on {url} (any region, any credentials)."


def greeting(api_url: str, dynamodb_url: str) -> str:
    """Tell a newcomer what is there and what to paste."""
    lines = [
        'Demo records: inbound messages of the endpoint "Stripe", events of the pull endpoint "Orders" and',
        'outbound messages of the endpoint "Shop", all of the account acc_demo, whose API key is',
        f"{API_KEY}.",
        dynamodb_line(dynamodb_url),
        "",
        "In a browser:",
        "",
        f"  {api_url}        what is there, what was deleted, and a form for each call",
        f"  {api_url}/docs   the API, each call made by one click",
        "",
        "Try, in another terminal, deleting",
        *_to_paste(REQUESTS, api_url),
        "",
        "Run one again: a filter no longer finds what is deleted (0 deleted), and by id the answer is",
        "already_deleted. Until the purge it is only flagged, not gone. This shows it:",
        "",
        f"  .venv/bin/expunge dump --state deleted --dynamodb-url {dynamodb_url}",
        "",
        "Deletions of webhook messages can be looked up and undone. Where one is named, it is the newest:",
        *_to_paste(LOOK_UPS, api_url),
        "",
        f"What happens to messages is told as it happens, to programs of this machine: GET {api_url}/events",
        "is a stream that does not end, which curl -N shows.",
        "",
        "Records of messages come in as they would from the queue; one of a deleted message changes nothing:",
        "",
        f"  curl -sS -X POST '{api_url}/records' -d '{_RECORD}' ; echo",
        "",
    ]
    return "\n".join(lines)


def _to_paste(requests: Iterable[tuple[str, str, str, str]], api_url: str) -> Iterator[str]:
    for what, method, path, body in requests:
        if _AN_ID in path:
            line = _with_an_id(method, path, api_url)
        else:
            line = _curl(method, f"'{api_url}{path}'", body)
        # The answers end without a newline, and the prompt would follow on their line.
        yield from ("", f"  # {what}", f"  {line} ; echo")


def _with_an_id(method: str, path: str, api_url: str) -> str:
    """Have the shell put in an id: of a new plan for what carries one out, else of the newest deletion."""
    _, asked, target, _ = _PLANNED if path.endswith("/execute") else _LISTED
    answer = _curl(asked, f"'{api_url}{target}'", "")
    line = _curl(method, f'"{api_url}{path.replace(_AN_ID, "$ID")}"', "")
    return f"ID=$({answer} | grep -o 'req_[A-Za-z0-9_-]*' | head -1) ; {line}"


def _curl(method: str, quoted_url: str, body: str) -> str:
    words = ["curl", "-sS", "-X", method, quoted_url]
    if "/v3/history/" not in quoted_url:  # signed requests and tokens are what PubNub's SDKs send
        words += ["-H", f"'Authorization: Bearer {API_KEY}'"]
    if body:
        words += ["-H", "'Content-Type: application/json'", "-d", f"'{body}'"]
    return " ".join(words)
