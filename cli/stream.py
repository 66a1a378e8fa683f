"""The table's stream, as Lambda hands it to a function."""

import base64
from datetime import datetime
from typing import Any


def lambda_form(value: Any) -> Any:
    """Turn what the SDK read of a stream into what Lambda makes of it: JSON has neither times nor bytes."""
    match value:
        case dict():
            return {name: lambda_form(each) for name, each in value.items()}
        case list():
            return [lambda_form(each) for each in value]
        case datetime():
            return value.timestamp()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value
