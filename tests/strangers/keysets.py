"""Pairs of requests for channel history: what one keyset's keys, tokens and channels tell in another one."""

import time
from collections.abc import Mapping

import delete_channel_history
from expunge.history import signatures
from expunge.history.tokens import issue
from tests.strangers.accounts import Accounts
from tests.strangers.pairs import Make, Pair, of_paths
from tests.world import SECRET_KEY, SUB_KEY, World

_PATH = {"sub_key": SUB_KEY, "channels": "ch"}
_OTHERS_SECRET, _NOBODYS_SECRET = "sec-c-2", "sec-c-3"


def fill(world: World) -> None:
    """Store two keysets, and a grant and a message of each."""
    world.keyset(access_manager=True)
    world.keyset(sub_key="sub-c-2", secret_key=_OTHERS_SECRET, access_manager=True)
    world.auth_grant("granted", "ch", sub_key="sub-c-2")
    world.channel_messages("there", 17_000_000_000_000_000)


def of_queries(theirs: str, nothing: str) -> Pair:
    """Compare what two queries show."""
    here = {"path": _PATH}
    return Pair(delete_channel_history.handler, {"query": theirs} | here, {"query": nothing} | here, 403)


def token(secret_key: str) -> str:
    """One that permits a deletion in the keyset with that secret key."""
    fields = {b"v": 2, b"t": int(time.time()), b"ttl": 60, b"res": {b"chan": {"ch": 8}}}
    return issue(fields, secret_key).rstrip("=")


def but_for_its_end(seal: str, name: str) -> Pair:
    """Compare a seal of which the end alone is wrong with one of which the last 40 characters are."""
    return of_queries(f"{name}={changed(seal, 2)}", f"{name}={changed(seal, 40)}")


def changed(text: str, last: int) -> str:
    """Have other characters in the place of the last ones."""
    return text[:-last] + "".join("B" if each == "A" else "A" for each in text[-last:])


def _signature(_: Accounts) -> Pair:
    now = int(time.time())
    path = f"/v3/history/sub-key/{SUB_KEY}/channel/ch"
    signed = signatures.message("DELETE", "pub-c-1", path, f"timestamp={now}")
    return but_for_its_end(signatures.sign(SECRET_KEY, signed), f"timestamp={now}&signature")


HISTORY: Mapping[str, Make] = {
    "history: another keyset's auth key": lambda _: of_queries("auth=granted", "auth=unknown"),
    "history: another keyset's token": lambda _: of_queries(
        f"auth={token(_OTHERS_SECRET)}", f"auth={token(_NOBODYS_SECRET)}"
    ),
    "history: a token that is right but for its end": lambda _: but_for_its_end(token(SECRET_KEY), "auth"),
    "history: a signature that is right but for its end": _signature,
    "history: a channel without permission": lambda _: of_paths(
        delete_channel_history.handler, _PATH | {"channels": "there"}, _PATH | {"channels": "nowhe"}, 403
    ),
}
