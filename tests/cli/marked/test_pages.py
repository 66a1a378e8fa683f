"""Pages show contents only in the view of one message."""

import json
from urllib.parse import quote

import delete_inbound_messages
from cli.console.application import About, Console
from expunge.table import keys
from tests.cli.browsing import HOST, api, ask
from tests.cli.marked.records import RECORDS, bearer
from tests.marked.marks import MARKS, Heard
from tests.world import ACCOUNT, World, call, message_id


def test_a_page_shows_contents_in_the_view_of_one_message_alone(world: World) -> None:
    world.load(*RECORDS)
    request = call(delete_inbound_messages.handler, headers=bearer()).headers["x-request-id"]
    console = Console(api, About(api="http://127.0.0.1:3000"), world.store)
    headers = HOST | bearer() | {"cookie": MARKS["header"], "content-type": "application/json"}
    wrong = quote(MARKS["value of a parameter"])
    listed = "/console/messages?family=inbound&state=live"
    heard = Heard()
    for target in (
        *("/", "/docs", "/openapi.json", "/console/about", "/console/overview", "/console/holds"),
        *("/console/purge", "/console/deletions", f"/console/deletions/{request}"),
        *(listed.replace("inbound", each) for each in FAMILIES),
        *(f"{listed}&{name}={wrong}" for name in ("cursor", "family", "state")),
        f"/console/message?key={wrong}",
    ):
        heard.at("page", ask(console, target, headers=headers).body)
    body = MARKS["body"]
    for each in (body, json.dumps([body]), json.dumps({"message_ids": [{"x": body}]})):
        answered = ask(console, f"/console/deletions/{request}/restore", "POST", headers, each.encode())
        heard.at("page", answered.body)
    message = quote(keys.message("OUTBOUND", ACCOUNT, message_id(3)))
    heard.at("console: a message", ask(console, f"/console/message?key={message}", headers=headers).body)

    assert heard.leaks(MARKS) == set()
    assert heard.unheard(MARKS) == set()


FAMILIES = ("inbound", "pull", "outbound", "linked", "channel")
