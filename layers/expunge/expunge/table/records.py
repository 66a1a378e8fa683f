"""The import format: one model a kind, and one sentence for whatever is wrong with a line.

A field's description completes the sentence "<field> must be ...".
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from expunge import timestamps, timetokens
from expunge.table import content_urls
from expunge.table.flags import OF_A_DELETION, OF_A_RESTORE
from expunge.table.json_text import NotJson, compact, read
from expunge.vocabulary import (
    ACCOUNT_ID,
    LARGEST_VERSION,
    LONGEST_AUTH_KEY,
    LONGEST_CHANNEL,
    LONGEST_EVENT_TYPE,
    LONGEST_KEY,
    MAX_PAYLOAD,
    MESSAGE_ID,
    SUB_KEY,
    UUID,
    InboundStatus,
    OutboundStatus,
    Permission,
    PullStatus,
    Scope,
)

MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes. A payload at its limit takes up to six times its size where every character is escaped."""


class BadLine(ValueError):
    """A line that is no record; says why in one sentence that quotes neither keys nor content."""

    def __init__(self, sentence: str, field: str | None = None, unquoted: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field
        """The field that is wrong, where the sentence is about one that the line has."""
        self.unquoted = unquoted or sentence
        """The same for a log: names that the line has made up may be content, and are left out."""


def _rfc3339(text: str) -> str:
    timestamps.parse(text)
    return text


def _state(text: str) -> str:
    from expunge.problems import CATALOGUE  # noqa: PLC0415 - linked accounts are loaded, they come by no queue

    if text != "connected" and text not in CATALOGUE:
        raise ValueError
    return text


def _timetoken(text: str) -> str:
    timetokens.parse(text)
    return text


def _channel(name: str) -> str:
    if "," in name or not name.strip():
        raise ValueError("no channel name")
    return name


def _within_limits(payload: Any) -> bytes:
    try:
        text = compact(payload)
    except ValueError as error:
        raise _own_words("payload must hold no number beyond 1.8e308") from error
    if len(text) > MAX_PAYLOAD:
        raise _own_words(f"payload must be at most {MAX_PAYLOAD // 1024} KB of compact JSON")
    return text


def _content_url(url: str) -> str:
    if content_urls.parts(url) is None:
        raise ValueError("no object in a bucket")
    return url


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _one_of(literal: Any) -> str:
    *names, last = get_args(literal)
    return f"{', '.join(names)} or {last}"


def _own_words(sentence: str) -> PydanticCustomError:
    return PydanticCustomError(_OWN_WORDS, sentence)


_OWN_WORDS: Final = "own_words"

AccountId = Annotated[str, Field(pattern=_whole(ACCOUNT_ID), description="1 to 64 letters, digits, _ or -")]
Uuid = Annotated[
    str,
    StringConstraints(pattern=_whole(UUID), to_lower=True),
    Field(description="a UUID such as 01961e00-0000-7000-8000-000000000001"),
]
Rfc3339 = Annotated[
    str,
    # Long enough for any fraction that says something, short enough for an item.
    Field(max_length=64, description="an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"),
    AfterValidator(_rfc3339),
]
Visible = Annotated[
    str,
    Field(
        pattern=f"^[!-~]{{1,{LONGEST_KEY}}}$",
        description=f"1 to {LONGEST_KEY} printable ASCII characters without blanks",
    ),
]
Name = Annotated[str, Field(max_length=256, description="text of at most 256 characters")]
MessageId = Annotated[
    str,
    Field(
        pattern=_whole(MESSAGE_ID),
        description="msg_ and 26 characters of Crockford's base32 in capitals",
    ),
]
LinkState = Annotated[
    str,
    AfterValidator(_state),
    Field(description="connected or one of the API's error types, such as disconnected_account"),
]
SubKey = Annotated[str, Field(pattern=_whole(SUB_KEY), description="1 to 128 letters, digits, _ or -")]
Channel = Annotated[str, Field(min_length=1, max_length=LONGEST_CHANNEL), AfterValidator(_channel)]
_CHANNEL: Final = f"1 to {LONGEST_CHANNEL} characters without a comma, not all of them blank"
Payload = Annotated[Any, AfterValidator(_within_limits)]
_IN_BUCKET: Final = "s3://<bucket>/<key> in the bucket that the service may delete from"
ContentUrl = Annotated[str, AfterValidator(_content_url), Field(description=_IN_BUCKET)]
Version = Annotated[
    int | None, Field(ge=0, le=LARGEST_VERSION, description=f"a whole number from 0 to {LARGEST_VERSION}")
]


class Record(BaseModel):
    """What every line has. Optional text is empty where the line lacks it."""

    # A model is built when it is first used: nobody needs them all, and building them takes 30 ms.
    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)

    kind: str

    @property
    def withheld(self) -> bool:
        """Whether it lacks the secret without which it cannot be stored, as `dump` prints it."""
        return False


class Owned(Record):
    """What belongs to an account."""

    account_id: AccountId


class ApiKey(Owned):
    """A key that lacks scopes has all of them; ``model_fields_set`` tells.

    What `dump` prints of one has its id instead of the key.
    """

    key: Annotated[Visible, Field(repr=False)] = ""
    key_id: Visible = ""
    label: Name = ""
    scopes: Annotated[list[Scope], Field(description=f"a list of {', '.join(get_args(Scope))}")] = []
    expires_at: Rfc3339 = ""

    @property
    def withheld(self) -> bool:
        """Whether it is only named."""
        return not self.key

    @model_validator(mode="after")
    def _key_or_id(self) -> Self:
        if not self.key and not self.key_id:
            raise _own_words('api_key lacks "key"')
        if self.key and self.key_id:
            raise _own_words('api_key has either "key" or "key_id", not both')
        return self


class InboundEndpoint(Owned):
    """Where webhooks come in."""

    id: Uuid
    name: Name = ""


class PullEndpoint(Owned):
    """Where a client fetches events."""

    id: Uuid
    name: Name = ""


class Message(Record):
    """What the messages of all families share."""

    DELETION: ClassVar = OF_A_DELETION
    """What the service adds to a deleted message; a line has all of it or none."""
    RESTORE: ClassVar = OF_A_RESTORE
    """What it adds to a restored one, likewise."""

    payload: Annotated[Payload, Field(repr=False)] = None
    """Compact JSON in UTF-8; None where the line lacks it (null is a payload)."""
    content_url: ContentUrl = ""
    """Where the content is that the record does not hold."""
    version: Version = None
    """A record changes nothing where one of the same or a higher version is stored, or it lacks one there."""
    deleted_at: Rfc3339 = ""
    deleted_by: Visible = ""
    delete_request_id: Visible = ""
    purge_at: Rfc3339 = ""
    restored_at: Rfc3339 = ""
    restored_by: Visible = ""

    @classmethod
    def own_fields(cls) -> tuple[str, ...]:
        """Name the texts that every line has, in the order of the import format."""
        return tuple(
            field
            for field in cls.model_fields
            if field not in ("payload", "content_url", "version", *cls.DELETION, *cls.RESTORE)
        )

    @model_validator(mode="after")
    def _payload_or_url(self) -> Self:
        if self.content_url and self.payload is not None:
            raise _own_words(f'{self.kind} has either "payload" or "content_url", not both')
        return self

    @model_validator(mode="after")
    def _deleted_or_restored_entirely_or_not(self) -> Self:
        for fields, what in ((self.DELETION, "deletion"), (self.RESTORE, "restore")):
            lacking = [field for field in fields if not getattr(self, field)]
            if lacking and len(lacking) < len(fields):
                raise _own_words(
                    f'{self.kind} lacks "{lacking[0]}", which goes with the other fields of a {what}'
                )
        return self


class OwnedMessage(Message, Owned):
    """What the messages of accounts share."""

    id: str


class InboundMessage(OwnedMessage):
    """A webhook that came in."""

    id: Uuid
    inbound_endpoint_id: Uuid
    status: Annotated[
        InboundStatus,
        Field(description=_one_of(InboundStatus)),
    ]
    received_at: Rfc3339


class PullEvent(OwnedMessage):
    """An event that waits to be fetched, or was."""

    id: Uuid
    pull_endpoint_id: Uuid
    event_type: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_EVENT_TYPE,
            description=f"text of 1 to {LONGEST_EVENT_TYPE} characters",
        ),
    ]
    status: Annotated[PullStatus, Field(description=_one_of(PullStatus))]
    received_at: Rfc3339


class OutboundEndpoint(Owned):
    """Where webhooks go out to."""

    id: Uuid
    name: Name = ""


class OutboundMessage(OwnedMessage):
    """A webhook that goes out."""

    id: Uuid
    endpoint_id: Uuid
    status: Annotated[
        OutboundStatus,
        Field(description=_one_of(OutboundStatus)),
    ]
    created_at: Rfc3339


class LinkedAccount(Owned):
    """An account at a provider, such as LINKEDIN or WHATSAPP, that messages are sent from."""

    id: Visible
    provider: Visible
    state: LinkState = "connected"


class LinkedMessage(OwnedMessage):
    """A message that a linked account sent."""

    id: MessageId
    linked_account_id: Visible
    provider_message_id: Visible
    sent_at: Rfc3339


class Keyset(Record):
    """An app's keys for its channels; `access_manager` asks for permission to delete.

    What `dump` prints of one lacks the secret key.
    """

    sub_key: SubKey
    pub_key: Visible
    secret_key: Annotated[Visible, Field(repr=False)] = ""
    access_manager: Annotated[bool, Field(description="true or false")]
    delete_from_history: Annotated[bool, Field(description="true or false")]

    @property
    def withheld(self) -> bool:
        """Whether the secret key is not there."""
        return not self.secret_key


class AuthGrant(Record):
    """What an auth key may do in channels; it replaces what it might do there before."""

    sub_key: SubKey
    auth_key: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_AUTH_KEY,
            repr=False,
            description=f"text of 1 to {LONGEST_AUTH_KEY} characters",
        ),
    ]
    channels: Annotated[
        list[Channel],
        Field(min_length=1, max_length=100, description=f"a list of 1 to 100 names, each {_CHANNEL}"),
    ]
    permissions: Annotated[
        list[Permission],
        Field(description=f"a list of {', '.join(get_args(Permission))}"),
    ]
    expires_at: Rfc3339 = ""


class ChannelMessage(Message):
    """A message that was published in a channel."""

    sub_key: SubKey
    channel: Annotated[Channel, Field(description=_CHANNEL)]
    timetoken: Annotated[
        str, AfterValidator(_timetoken), Field(description="a string of 1 to 19 digits: 100 ns since 1970")
    ]


KINDS: Final[Mapping[str, type[Record]]] = {
    "api_key": ApiKey,
    "inbound_endpoint": InboundEndpoint,
    "inbound_message": InboundMessage,
    "pull_endpoint": PullEndpoint,
    "pull_event": PullEvent,
    "outbound_endpoint": OutboundEndpoint,
    "outbound_message": OutboundMessage,
    "linked_account": LinkedAccount,
    "linked_message": LinkedMessage,
    "keyset": Keyset,
    "auth_grant": AuthGrant,
    "channel_message": ChannelMessage,
}

MESSAGE_KINDS: Final[Mapping[str, type[Message]]] = {
    kind: model for kind, model in KINDS.items() if issubclass(model, Message)
}


def parse(line: bytes, content_bucket: str | None = "") -> Record:
    """Read one line of the import format. Raises BadLine.

    Content may be in that bucket only: in none if it is empty, in any if it is None.
    """
    if len(line) > MAX_LINE:
        raise BadLine("the line must be at most 8 MB long")
    try:
        fields = read(line)
    except NotJson as error:
        raise BadLine(f"the line {error}") from error
    if not isinstance(fields, dict):
        raise BadLine("the line must be a JSON object")
    if "kind" not in fields:
        raise BadLine('the line lacks "kind"')
    kind = fields["kind"]
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise BadLine(f"kind must be one of {', '.join(KINDS)}", "kind")
    for field in fields:
        # Before what is missing: a misspelt field is both, and this says more.
        if field not in model.model_fields:
            known = ", ".join(model.model_fields)
            raise BadLine(
                f"{kind} has no field {json.dumps(field[:_SHOWN])}",
                field,
                unquoted=f"{kind} has only the fields {known}",
            )
    try:
        record = model.model_validate(fields)
    except ValidationError as error:
        # Without its cause, which holds the line's values.
        raise _bad_line(kind, model, error) from None
    url = record.content_url if isinstance(record, Message) else ""
    if url and content_bucket is not None and content_urls.key_in(content_bucket, url) is None:
        raise BadLine(f"content_url must be {_IN_BUCKET}", "content_url")
    return record


def _bad_line(kind: str, model: type[Record], invalid: ValidationError) -> BadLine:
    error = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
    if error["type"] == _OWN_WORDS:
        return BadLine(error["msg"], str(error["loc"][0]) if error["loc"] else None)
    field = str(error["loc"][0])
    if error["type"] == "missing":
        return BadLine(f'{kind} lacks "{field}"')
    return BadLine(f"{field} must be {model.model_fields[field].description}", field)


_SHOWN: Final = 64
"""Characters of an unknown field's name that an error shows."""
