"""The only reader of the environment."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment can set; template.yaml describes each."""

    table_name: str
    retention_days: int
    deletion_record_days: int
    tombstone_days: int


@cache
def settings() -> Settings:
    """Read the environment once a process. Raises KeyError where the template's variables are missing."""
    return Settings(
        table_name=os.environ["TABLE_NAME"],
        retention_days=int(os.environ["RETENTION_DAYS"]),
        deletion_record_days=int(os.environ["DELETION_RECORD_DAYS"]),
        tombstone_days=int(os.environ["TOMBSTONE_DAYS"]),
    )


def table_name() -> str:
    """Read the name of the table alone, for a program that is no function. Raises KeyError."""
    return os.environ["TABLE_NAME"]


def content_bucket() -> str:
    """Read which bucket of S3 contents may be in and are deleted from; none if it is empty or not set."""
    return os.environ.get("CONTENT_BUCKET", "")


def content_endpoint() -> str:
    """Read where S3 is, if it is not AWS's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3", "")


@cache
def event_bus() -> str:
    """Read the name of the EventBridge bus that events are put on. Raises KeyError like settings()."""
    return os.environ["EVENT_BUS_NAME"]


@cache
def purge_stops_above() -> int:
    """Read how many messages one run of the purge may remove; 0: any number. Raises KeyError likewise."""
    return int(os.environ["PURGE_STOPS_ABOVE"])


@cache
def work_queue() -> str:
    """Read the URL of the queue that spreads work; empty where there is none, as on one machine."""
    return os.environ.get("WORK_QUEUE_URL", "")


@cache
def work_concurrency() -> int:
    """Read how many functions may take work from that queue at once."""
    return int(os.environ.get("WORK_CONCURRENCY", "1"))


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider of linked accounts is reached: not at all if `base_url` is empty."""

    base_url: str
    key_name: str


@cache
def provider(name: str) -> Provider:
    """Read the environment for a provider, such as WHATSAPP. Raises KeyError like settings()."""
    return Provider(base_url=os.environ[f"{name}_BASE_URL"], key_name=os.environ[f"{name}_KEY_NAME"])
