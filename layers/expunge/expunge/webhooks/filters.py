"""What comes in, checked: each field's description says what it must be, and is what the caller is told."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from expunge import timestamps
from expunge.errors import InvalidRequest
from expunge.table.search import Range

INBOUND_STATUSES = ("queued", "delivering", "succeeded", "pending_retry", "failed_permanent")
PULL_STATUSES = ("stored", "fetched", "delivered")

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def is_uuid(text: str) -> bool:
    """Whether it is a UUID of any version, in its usual form of 8-4-4-4-12 hexadecimal digits."""
    return _UUID.fullmatch(text) is not None


def _uuid(text: str) -> str:
    if not is_uuid(text):
        raise ValueError
    return text.lower()


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise ValueError
    return int(text)


def _statuses(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        named = {name.strip() for name in text.split(",")}
        if not named <= set(known):
            raise ValueError
        return tuple(name for name in known if name in named)

    return read


def _instant(text: str) -> str:
    return timestamps.micros(timestamps.parse(text))


Uuid = Annotated[str, AfterValidator(_uuid)]
Instant = Annotated[str, AfterValidator(_instant)]
InboundStatuses = Annotated[tuple[str, ...], BeforeValidator(_statuses(INBOUND_STATUSES))]
PullStatuses = Annotated[tuple[str, ...], BeforeValidator(_statuses(PULL_STATUSES))]

_INSTANT = "an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"
_ENDPOINT = "a UUID, such as 01935abc-def0-7123-4567-890abcdef012"


class Incoming(BaseModel):
    """Checked input; what is not known to a model is ignored."""

    # Built when first read: no function needs all the models, and building them takes 30 ms of a cold start.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Filters(Incoming):
    """Filters that both families share (documents 000 and 001)."""

    received_after: Instant | None = Field(None, description=_INSTANT)
    received_before: Instant | None = Field(None, description=_INSTANT)
    limit: Annotated[int, BeforeValidator(_limit), Field(ge=1, le=1000)] = Field(
        1000, description="a whole number from 1 to 1000"
    )

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.received_after and self.received_before and self.received_after >= self.received_before:
            raise PydanticCustomError("window", "received_after must be earlier than received_before")
        return self

    @property
    def window(self) -> Range:
        """The received_at that match, as bounds of the index."""
        return Range(self.received_after or Range().first, self.received_before or Range().last)


class InboundFilters(Filters):
    """Filters of document 000."""

    status: InboundStatuses = Field(
        INBOUND_STATUSES, description=f"a comma-separated list of {', '.join(INBOUND_STATUSES)}"
    )
    inbound_endpoint_id: Uuid | None = Field(None, description=_ENDPOINT)


class PullFilters(Filters):
    """Filters of document 001, and the endpoint from the path."""

    id: Uuid = Field(description=_ENDPOINT)
    status: PullStatuses = Field(
        PULL_STATUSES, description=f"a comma-separated list of {', '.join(PULL_STATUSES)}"
    )
    event_type: str | None = Field(None, min_length=1, max_length=256, description="1 to 256 characters long")


MessageId = Annotated[str, Field(min_length=1, max_length=128)]


class EventBatch(Incoming):
    """The body of document 002, and the endpoint from the path."""

    model_config = ConfigDict(strict=True)

    id: Uuid = Field(description=_ENDPOINT)
    message_ids: list[MessageId] = Field(
        min_length=1, max_length=100, description="a list of 1 to 100 strings of 1 to 128 characters"
    )


ModelT = TypeVar("ModelT", bound=Incoming)


def read(model: type[ModelT], given: Mapping[str, Any]) -> ModelT:
    """Check input. Raises InvalidRequest with one sentence on the first thing that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "window":
            raise InvalidRequest(first["msg"]) from None
        name = str(first["loc"][0])
        raise InvalidRequest(f"{name} must be {model.model_fields[name].description}") from None


def read_json(body: Callable[[], bytes]) -> dict[str, Any]:
    """Read a JSON object from a body that may not even decode. Raises InvalidRequest."""
    try:
        value = from_json(body(), allow_inf_nan=False)
    except ValueError:
        raise InvalidRequest("payload must be valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("payload must be a JSON object")
    return value
