"""The only reader of the environment."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment can set; template.yaml describes each."""

    table_name: str
    retention_days: int


@cache
def settings() -> Settings:
    """Read the environment once a process. Raises KeyError where the template's variables are missing."""
    return Settings(
        table_name=os.environ["TABLE_NAME"],
        retention_days=int(os.environ["RETENTION_DAYS"]),
    )
