"""The filters of each delete-all: a field's description says what it must be, and is what the caller is told.

A parameter that a call does not know is refused: a filter that is not understood would delete too much.
"""

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
from pydantic_core import PydanticCustomError

from expunge import timestamps
from expunge.errors import InvalidRequest
from expunge.table.search import Range
from expunge.vocabulary import INBOUND_STATUSES, LONGEST_EVENT_TYPE, OUTBOUND_STATUSES, PULL_STATUSES
from expunge.webhooks.parameters import A_UUID, refuse_unknown, uuid

_INSTANT = "an RFC 3339 time with an offset, such as 2026-04-05T14:23:11Z"


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise ValueError
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _statuses(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        named = {name.strip() for name in text.split(",")}
        if not named <= set(known):
            raise ValueError
        return tuple(name for name in known if name in named)

    return read


def _instant(text: str) -> str:
    return timestamps.micros(timestamps.parse(text))


Uuid = Annotated[str, AfterValidator(uuid)]
Instant = Annotated[str, AfterValidator(_instant)]
MessageStatuses = Annotated[tuple[str, ...], BeforeValidator(_statuses(INBOUND_STATUSES))]
EventStatuses = Annotated[tuple[str, ...], BeforeValidator(_statuses(PULL_STATUSES))]


def _list_of(statuses: tuple[str, ...]) -> str:
    return f"a comma-separated list of {', '.join(statuses)}"


class Incoming(BaseModel):
    """Checked input; what is not known to a model is refused."""

    # Built when first read: no function needs all the models, and building them takes 30 ms of a cold start.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def describe(cls) -> dict[str, str]:
        """What each parameter must be, by the name that callers give it."""
        return {each.alias or name: each.description or "" for name, each in cls.model_fields.items()}


class Filters(Incoming):
    """Filters of a delete-all, as all families have them; the names of the window's ends differ."""

    status: tuple[str, ...]
    after: Instant | None
    before: Instant | None
    limit: Annotated[int, BeforeValidator(_limit), Field(ge=1, le=1000)] = Field(
        1000, description="a whole number from 1 to 1000"
    )
    dry_run: Annotated[bool, BeforeValidator(_boolean)] = Field(default=False, description="true or false")

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.after and self.before and self.after >= self.before:
            after, before = (type(self).model_fields[name].alias for name in ("after", "before"))
            raise PydanticCustomError("window", f"{after} must be earlier than {before}")
        return self

    @property
    def window(self) -> Range:
        """The times that match, as bounds of the index."""
        return Range(self.after or Range().first, self.before or Range().last)

    def given(self) -> dict[str, Any]:
        """What was asked for, as it was understood, by the names that callers use."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude={"dry_run"}, mode="json")

    @property
    def of_endpoint(self) -> str | None:
        """The one endpoint that is asked for; None for all of the account."""
        return None

    @property
    def of_type(self) -> str | None:
        """The one event type that is asked for; None for all."""
        return None


class InboundFilters(Filters):
    """Filters of POST /v1/inbound-messages/delete-all."""

    status: MessageStatuses = Field(INBOUND_STATUSES, description=_list_of(INBOUND_STATUSES))
    inbound_endpoint_id: Uuid | None = Field(None, description=A_UUID)
    after: Instant | None = Field(None, alias="received_after", description=_INSTANT)
    before: Instant | None = Field(None, alias="received_before", description=_INSTANT)

    @property
    def of_endpoint(self) -> str | None:
        """The one endpoint that is asked for; None for all of the account."""
        return self.inbound_endpoint_id


class OutboundFilters(Filters):
    """Filters of POST /v1/messages/delete-all."""

    status: MessageStatuses = Field(OUTBOUND_STATUSES, description=_list_of(OUTBOUND_STATUSES))
    endpoint_id: Uuid | None = Field(None, description=A_UUID)
    after: Instant | None = Field(None, alias="created_after", description=_INSTANT)
    before: Instant | None = Field(None, alias="created_before", description=_INSTANT)

    @property
    def of_endpoint(self) -> str | None:
        """The one endpoint that is asked for; None for all of the account."""
        return self.endpoint_id


class PullFilters(Filters):
    """Filters of POST /v1/pull-endpoints/{id}/events/delete-all."""

    status: EventStatuses = Field(PULL_STATUSES, description=_list_of(PULL_STATUSES))
    event_type: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_EVENT_TYPE,
        description=f"1 to {LONGEST_EVENT_TYPE} characters long",
    )
    after: Instant | None = Field(None, alias="received_after", description=_INSTANT)
    before: Instant | None = Field(None, alias="received_before", description=_INSTANT)

    @property
    def of_type(self) -> str | None:
        """The one event type that is asked for; None for all."""
        return self.event_type


ModelT = TypeVar("ModelT", bound=Incoming)


def read(model: type[ModelT], given: Mapping[str, Any]) -> ModelT:
    """Check input. Raises InvalidRequest with one sentence on the first thing that is wrong."""
    known = model.describe()
    refuse_unknown(given, known)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "window":
            raise InvalidRequest(first["msg"]) from None
        name = str(first["loc"][0])
        raise InvalidRequest(f"{name} must be {known[name]}") from None
