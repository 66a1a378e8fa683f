"""The fields of the import format: what each must be, as a rule that is checked and in words for an error.

pydantic's core checks them. pydantic's models would do the same, but importing them takes a fifth of a cold
start.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple, get_args

from pydantic_core import CoreSchema
from pydantic_core.core_schema import (
    any_schema,
    bool_schema,
    int_schema,
    list_schema,
    literal_schema,
    no_info_after_validator_function,
    nullable_schema,
    str_schema,
)

from expunge import timestamps, timetokens
from expunge.table import content_urls
from expunge.vocabulary import (
    ACCOUNT_ID,
    LARGEST_VERSION,
    LONGEST_AUTH_KEY,
    LONGEST_CHANNEL,
    LONGEST_EVENT_TYPE,
    LONGEST_KEY,
    MESSAGE_ID,
    SUB_KEY,
    UUID,
    InboundStatus,
    OutboundStatus,
    Permission,
    PullStatus,
    Scope,
)


class Rule(NamedTuple):
    """What a field must be."""

    schema: CoreSchema
    must_be: str
    """Completes the sentence "<field> must be ..."."""
    names: tuple[str, ...] = ()
    """The words that it must be one of, or a list of; empty where any text will do."""

    def and_read_by(self, read: Callable[[str], object]) -> "Rule":
        """Give the same rule, but for texts only that `read` takes without a ValueError."""

        def check(text: str) -> str:
            read(text)
            return text

        return self._replace(schema=no_info_after_validator_function(check, self.schema))


def _like(pattern: str, must_be: str, *, to_lower: bool | None = None) -> Rule:
    return Rule(str_schema(pattern=f"^(?:{pattern})$", to_lower=to_lower), must_be)


def _text(must_be: str, shortest: int | None = None, longest: int | None = None) -> Rule:
    return Rule(str_schema(min_length=shortest, max_length=longest), must_be)


def _one_of(literal: Any) -> Rule:
    *names, last = get_args(literal)
    return Rule(literal_schema([*names, last]), f"{', '.join(names)} or {last}", (*names, last))


def _list_of(literal: Any) -> Rule:
    names = get_args(literal)
    return Rule(list_schema(literal_schema([*names])), f"a list of {', '.join(names)}", names)


def _channel_name(name: str) -> None:
    if "," in name or not name.strip():
        raise ValueError("no channel name")


def _link_state(text: str) -> None:
    from expunge.problems import CATALOGUE  # noqa: PLC0415 - only `expunge load` takes linked accounts

    if text != "connected" and text not in CATALOGUE:
        raise ValueError("no state")


def _content_url(url: str) -> None:
    if content_urls.parts(url) is None:
        raise ValueError("no object in a bucket")


IN_BUCKET: Final = "s3://<bucket>/<key> in the bucket that the service may delete from"

_VISIBLE: Final = f"1 to {LONGEST_KEY} printable ASCII characters without blanks"
_CHANNEL: Final = _text(
    f"1 to {LONGEST_CHANNEL} characters without a comma, not all of them blank", 1, LONGEST_CHANNEL
).and_read_by(_channel_name)
_CHANNELS: Final = Rule(
    list_schema(_CHANNEL.schema, min_length=1, max_length=100),
    f"a list of 1 to 100 names, each {_CHANNEL.must_be}",
)
_VERSION: Final = Rule(
    nullable_schema(int_schema(ge=0, le=LARGEST_VERSION)), f"a whole number from 0 to {LARGEST_VERSION}"
)
# Long enough for any fraction of a second, short enough for an item.
_RFC3339: Final = _text("an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z", longest=64)

Kind = Annotated[str, _text("a kind of record")]
AccountId = Annotated[str, _like(ACCOUNT_ID, "1 to 64 letters, digits, _ or -")]
SubKey = Annotated[str, _like(SUB_KEY, "1 to 128 letters, digits, _ or -")]
Uuid = Annotated[str, _like(UUID, "a UUID such as 01961e00-0000-7000-8000-000000000001", to_lower=True)]
MessageId = Annotated[str, _like(MESSAGE_ID, "msg_ and 26 characters of Crockford's base32 in capitals")]
Visible = Annotated[str, _like(f"[!-~]{{1,{LONGEST_KEY}}}", _VISIBLE)]
Name = Annotated[str, _text("text of at most 256 characters", longest=256)]
AuthKey = Annotated[str, _text(f"text of 1 to {LONGEST_AUTH_KEY} characters", 1, LONGEST_AUTH_KEY)]
EventType = Annotated[str, _text(f"text of 1 to {LONGEST_EVENT_TYPE} characters", 1, LONGEST_EVENT_TYPE)]
LinkState = Annotated[
    str,
    _text("connected or one of the API's error types, such as disconnected_account").and_read_by(_link_state),
]
Rfc3339 = Annotated[str, _RFC3339.and_read_by(timestamps.parse)]
Timetoken = Annotated[
    str, _text("a string of 1 to 19 digits: 100 ns since 1970").and_read_by(timetokens.parse)
]
ContentUrl = Annotated[str, _text(IN_BUCKET).and_read_by(_content_url)]
Channel = Annotated[str, _CHANNEL]
Channels = Annotated[list[str], _CHANNELS]
Version = Annotated[int | None, _VERSION]
Switch = Annotated[bool, Rule(bool_schema(), "true or false")]
Json = Annotated[Any, Rule(any_schema(), "JSON")]
StatusOfInbound = Annotated[InboundStatus, _one_of(InboundStatus)]
StatusOfOutbound = Annotated[OutboundStatus, _one_of(OutboundStatus)]
StatusOfPull = Annotated[PullStatus, _one_of(PullStatus)]
Scopes = Annotated[list[Scope] | None, _list_of(Scope)]
"""None stands for a line without them."""
Permissions = Annotated[list[Permission], _list_of(Permission)]
