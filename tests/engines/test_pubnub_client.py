"""A client of PubNub's, unmodified, against the running service."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pubnub.enums import PNStatusCategory  # type: ignore[import-untyped] # it has no types
from pubnub.exceptions import PubNubException  # type: ignore[import-untyped]
from pubnub.pnconfiguration import PNConfiguration  # type: ignore[import-untyped]
from pubnub.pubnub import PubNub  # type: ignore[import-untyped]

from cli.main import run
from tests.engines.channels import Channels

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.slow

NAMES = [
    "ch1",
    "a b",
    "a+b",
    "it's",
    '"quoted"',
    "~tilde~",
    "\N{PARTY POPPER}",
    "(a)!*:@$&=;[b]",
    "50%",
    "%2C",
    "a/b",
    "a#b",
    "ä",
    "user-1.room_2",
]
Client = Callable[..., PubNub]


@pytest.fixture
def channels(api: str, dynamodb: "DynamoDBClient") -> Channels:  # noqa: ARG001 - the API makes the table
    return Channels(dynamodb)


@pytest.fixture
def client(api: str, channels: Channels) -> Client:
    def make(uuid: str = "me", **settings: Any) -> PubNub:
        configuration = PNConfiguration()
        configuration.subscribe_key = channels.sub_key
        configuration.publish_key = channels.pub_key
        configuration.uuid = uuid
        configuration.origin = api.removeprefix("http://")
        configuration.ssl = False
        for name, value in settings.items():
            setattr(configuration, name, value)
        return PubNub(configuration)

    return make


def delete(client: PubNub, channel: str, **span: int) -> Any:
    request = client.delete_messages().channel(channel)
    for name, timetoken in span.items():
        getattr(request, name)(timetoken)
    return request.sync()


def told_by(client: PubNub, channel: str) -> Any:
    """The status that the client makes of the answer."""
    return client.request_sync(client.delete_messages().channel(channel).options()).status


@pytest.fixture
def token(channels: Channels, dynamodb_url: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `expunge token` prints."""

    def issue(*options: str) -> str:
        command = ["token", "--dynamodb-url", dynamodb_url, "--sub-key", channels.sub_key]
        assert run([*command, "--permission", "delete", "--ttl", "60", *options]) == 0
        return capsys.readouterr().out.strip()

    return issue


def test_a_signed_request_deletes_whatever_the_channel_is_called(channels: Channels, client: Client) -> None:
    signing = client(secret_key=channels.secret_key)
    for name in NAMES:
        channels.publish(name, [10, 20])

        envelope = delete(signing, name, start=11, end=10)

        assert envelope.status.status_code == 200
        assert not envelope.status.is_error()
        assert envelope.status.original_response == {"status": 200, "error": False, "error_message": ""}
        assert channels.history(name) == [20]


def test_a_signed_request_deletes_from_several_channels(channels: Channels, client: Client) -> None:
    for name in ("ch1", "a b", "~"):
        channels.publish(name, [10, 20])

    delete(client(secret_key=channels.secret_key), "ch1,a b,~", end=20)

    assert channels.histories("ch1", "a b", "~") == [[10], [10], [10]]


def test_a_token_permits_channels_by_name_and_by_pattern(
    channels: Channels, client: Client, token: Callable[..., str]
) -> None:
    bearing = client()
    bearing.set_token(token("--channel", "a b", "--channel", "\N{PARTY POPPER}", "--pattern", "room-[0-9]+"))
    for name in ("a b", "\N{PARTY POPPER}", "room-12", "room-x"):
        channels.publish(name, [10])

    for name in ("a b", "\N{PARTY POPPER}", "room-12"):
        assert delete(bearing, name).status.status_code == 200
    with pytest.raises(PubNubException):
        delete(bearing, "room-x")

    assert channels.histories("a b", "\N{PARTY POPPER}", "room-12", "room-x") == [[], [], [], [10]]


def test_a_token_is_good_for_its_uuid_only(
    channels: Channels, client: Client, token: Callable[..., str]
) -> None:
    channels.publish("ch1", [10])
    shown = token("--channel", "ch1", "--uuid", "user 1")
    mine, another = client("user 1"), client("user 2")
    mine.set_token(shown)
    another.set_token(shown)

    with pytest.raises(PubNubException):
        delete(another, "ch1")
    assert channels.history("ch1") == [10]
    delete(mine, "ch1")
    assert channels.history("ch1") == []


def test_an_auth_key_permits_what_it_was_granted(channels: Channels, client: Client) -> None:
    channels.grant("key-1", "ch1", "a b")
    for name in ("ch1", "a b", "ch2"):
        channels.publish(name, [10])
    granted = client(auth_key="key-1")

    delete(granted, "ch1,a b")
    with pytest.raises(PubNubException):
        delete(granted, "ch2")

    assert channels.histories("ch1", "a b", "ch2") == [[], [], [10]]


@pytest.mark.parametrize(
    ("settings", "status", "category", "message"),
    [
        ({}, 403, PNStatusCategory.PNAccessDeniedCategory, "Forbidden"),
        ({"secret_key": "sec-c-wrong"}, 403, PNStatusCategory.PNAccessDeniedCategory, "Forbidden"),
        ({"auth_key": "wrong"}, 403, PNStatusCategory.PNAccessDeniedCategory, "Forbidden"),
        (
            {"subscribe_key": "sub-c-unknown"},
            400,
            PNStatusCategory.PNBadRequestCategory,
            "Invalid Subscribe Key",
        ),
    ],
)
def test_a_refusal_is_raised_as_the_clients_own_exception_with_its_status(
    channels: Channels,
    client: Client,
    settings: dict[str, str],
    status: int,
    category: Any,
    message: str,
) -> None:
    channels.publish("ch1", [10])

    with pytest.raises(PubNubException) as raised:
        delete(client(**settings), "ch1")

    assert raised.value._status_code == status  # noqa: SLF001 - the client has no other name for it
    assert f'"message":"{message}"' in str(raised.value)
    assert f"({status})" in str(raised.value)
    told = told_by(client(**settings), "ch1")
    assert (told.category, told.status_code) == (category, status)
    body = told.original_response
    assert (body["status"], body["error"], body["error_message"]) == (status, True, message)
    assert (body["message"], body["service"]) == (message, "Access Manager")
    assert body.get("payload") == ({"channels": ["ch1"]} if status == 403 else None)
    assert channels.history("ch1") == [10]


def test_the_client_reads_what_a_token_grants(client: Client, token: Callable[..., str]) -> None:
    parsed = client().parse_token(token("--channel", "a b", "--pattern", "room-.*", "--uuid", "user 1"))

    only_delete = dict.fromkeys(("read", "write", "manage", "get", "update", "join"), False) | {
        "delete": True
    }
    assert parsed["version"] == 2
    assert parsed["ttl"] == 60
    assert parsed["authorized_uuid"] == "user 1"
    assert parsed["resources"]["channels"] == {"a b": only_delete}
    assert parsed["patterns"]["channels"] == {"room-.*": only_delete}
