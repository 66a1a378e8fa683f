"""The import format: a class for each kind of record, and a sentence for whatever is wrong with a line."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_type_hints

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import CoreConfig, typed_dict_field, typed_dict_schema

from expunge.table import content_urls
from expunge.table.fields import (
    IN_BUCKET,
    AccountId,
    AuthKey,
    Channel,
    Channels,
    ContentUrl,
    EventType,
    Json,
    Kind,
    LinkState,
    MessageId,
    Name,
    Permissions,
    Rfc3339,
    Rule,
    Scopes,
    StatusOfInbound,
    StatusOfOutbound,
    StatusOfPull,
    SubKey,
    Switch,
    Timetoken,
    Uuid,
    Version,
    Visible,
)
from expunge.table.flags import OF_A_DELETION, OF_A_RESTORE
from expunge.table.json_text import NotJson, compact, read
from expunge.vocabulary import MAX_PAYLOAD

MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes. A payload at its limit takes up to six times its size where every character is escaped."""


class BadLine(ValueError):
    """A line that is no record; says why in one sentence that quotes neither keys nor content."""

    def __init__(self, sentence: str, field: str | None = None, unquoted: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field
        """The field that is wrong, where the sentence is about one that the line has."""
        self.unquoted = unquoted or sentence
        """The same for a log. Names of unknown fields are left out, because they may be content."""


class Record:
    """What every line has. A field with a default may be absent from a line; an absent text is empty."""

    kind: Kind

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Take the fields that a line has, each of them as its rule wants it."""
        vars(self).update(fields)

    @classmethod
    @cache
    def rules(cls) -> Mapping[str, Rule]:
        """Each field and what it must be, in the order of the import format."""
        hints = get_type_hints(cls, include_extras=True)
        return {field: hint.__metadata__[0] for field, hint in hints.items()}

    @classmethod
    @cache
    def checker(cls) -> SchemaValidator:
        """What checks the fields of this kind. It is made when first needed: hardly any process needs all."""
        fields = {
            field: typed_dict_field(rule.schema, required=not hasattr(cls, field))
            for field, rule in cls.rules().items()
        }
        return SchemaValidator(typed_dict_schema(fields, config=CoreConfig(strict=True)))

    @property
    def withheld(self) -> bool:
        """Whether it lacks its secret, as in what `dump` prints. Then it cannot be stored."""
        return False

    def settle(self) -> None:
        """Check what no field can tell alone, and put fields into their final form. Raises BadLine."""


class Owned(Record):
    """What belongs to an account."""

    account_id: AccountId


class ApiKey(Owned):
    """An API key. Without `scopes` it has all of them.

    `dump` prints its id in place of the key itself.
    """

    key: Visible = ""
    key_id: Visible = ""
    label: Name = ""
    scopes: Scopes = None
    expires_at: Rfc3339 = ""

    @property
    def withheld(self) -> bool:
        """Whether it has only its id."""
        return not self.key

    def settle(self) -> None:
        """Check that it has the key or the id, not both. Raises BadLine."""
        if not self.key and not self.key_id:
            raise BadLine('api_key lacks "key"')
        if self.key and self.key_id:
            raise BadLine('api_key has either "key" or "key_id", not both')


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

    payload: Json = None
    """Compact JSON in UTF-8, once `settle` was called; None if the line has none (null is a payload)."""
    content_url: ContentUrl = ""
    """Where the content is, if it is not in the record but in S3."""
    version: Version = None
    """A record replaces a stored message that has a version only if it brings a higher one."""
    deleted_at: Rfc3339 = ""
    deleted_by: Visible = ""
    delete_request_id: Visible = ""
    purge_at: Rfc3339 = ""
    restored_at: Rfc3339 = ""
    restored_by: Visible = ""

    @classmethod
    @cache
    def own_fields(cls) -> tuple[str, ...]:
        """The texts that every line of this kind has, in the order of the import format."""
        return tuple(
            field
            for field in cls.rules()
            if field not in ("payload", "content_url", "version", *OF_A_DELETION, *OF_A_RESTORE)
        )

    def settle(self) -> None:
        """Turn the payload into compact JSON, and check that of a deletion or a restore no field is missing.

        Raises BadLine.
        """
        if "payload" in vars(self):
            if self.content_url:
                raise BadLine(f'{self.kind} has either "payload" or "content_url", not both')
            self.payload = _within_limits(self.payload)
        for fields, what in ((OF_A_DELETION, "deletion"), (OF_A_RESTORE, "restore")):
            lacking = [field for field in fields if not getattr(self, field)]
            if lacking and len(lacking) < len(fields):
                raise BadLine(
                    f'{self.kind} lacks "{lacking[0]}", which goes with the other fields of a {what}'
                )


class OwnedMessage(Message, Owned):
    """What the messages of accounts share."""

    id: Visible


class InboundMessage(OwnedMessage):
    """A webhook that came in."""

    id: Uuid
    inbound_endpoint_id: Uuid
    status: StatusOfInbound
    received_at: Rfc3339


class PullEvent(OwnedMessage):
    """An event that waits to be fetched, or was."""

    id: Uuid
    pull_endpoint_id: Uuid
    event_type: EventType
    status: StatusOfPull
    received_at: Rfc3339


class OutboundEndpoint(Owned):
    """Where webhooks go out to."""

    id: Uuid
    name: Name = ""


class OutboundMessage(OwnedMessage):
    """A webhook that goes out."""

    id: Uuid
    endpoint_id: Uuid
    status: StatusOfOutbound
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
    """An app's keys for its channels. With `access_manager`, deleting from them takes permission.

    `dump` leaves out the secret key.
    """

    sub_key: SubKey
    pub_key: Visible
    secret_key: Visible = ""
    access_manager: Switch
    delete_from_history: Switch

    @property
    def withheld(self) -> bool:
        """Whether the secret key is not there."""
        return not self.secret_key


class AuthGrant(Record):
    """What an auth key may do in channels; it replaces what it might do there before."""

    sub_key: SubKey
    auth_key: AuthKey
    channels: Channels
    permissions: Permissions
    expires_at: Rfc3339 = ""


class ChannelMessage(Message):
    """A message that was published in a channel."""

    sub_key: SubKey
    channel: Channel
    timetoken: Timetoken


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

    A content_url may name that bucket only; no bucket at all if it is empty, and any if it is None.
    """
    if len(line) > MAX_LINE:
        raise BadLine("the line must be at most 8 MB long")
    try:
        fields = read(line)
    except NotJson as error:
        raise BadLine(f"the line {error}") from error
    if not isinstance(fields, dict):
        raise BadLine("the line must be a JSON object")
    record = _record(fields)
    url = record.content_url if isinstance(record, Message) else ""
    if url and content_bucket is not None and content_urls.key_in(content_bucket, url) is None:
        lacking = "" if content_bucket else ", and none is set"
        raise BadLine(f"content_url must be {IN_BUCKET}{lacking}", "content_url")
    return record


def _record(fields: Mapping[str, Any]) -> Record:
    if "kind" not in fields:
        raise BadLine('the line lacks "kind"')
    kind = fields["kind"]
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise BadLine(f"kind must be one of {', '.join(KINDS)}", "kind")
    for field in fields:
        # Looked for before missing fields: one that is misspelt is both, and this sentence says more.
        if field not in model.rules():
            known = ", ".join(model.rules())
            raise BadLine(
                f"{kind} has no field {json.dumps(field[:_SHOWN])}",
                field,
                unquoted=f"{kind} has only the fields {known}",
            )
    try:
        record = model(model.checker().validate_python(fields))
    except ValidationError as error:
        # Raised without the cause, which holds the line's values.
        raise _bad_line(kind, model, error) from None
    record.settle()
    return record


def _bad_line(kind: str, model: type[Record], invalid: ValidationError) -> BadLine:
    error = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(error["loc"][0])
    if error["type"] == "missing":
        return BadLine(f'{kind} lacks "{field}"')
    return BadLine(f"{field} must be {model.rules()[field].must_be}", field)


def _within_limits(payload: Any) -> bytes:
    try:
        text = compact(payload)
    except ValueError as error:
        raise BadLine("payload must hold no number beyond 1.8e308", "payload") from error
    if len(text) > MAX_PAYLOAD:
        raise BadLine(f"payload must be at most {MAX_PAYLOAD // 1024} KB of compact JSON", "payload")
    return text


_SHOWN: Final = 64
"""Characters of an unknown field's name that an error shows."""
