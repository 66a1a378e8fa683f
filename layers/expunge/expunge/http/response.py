"""What every reply shares, whatever its family's envelope."""

import json
from typing import Any

Response = dict[str, Any]
"""A reply as API Gateway takes it (HTTP API, payload format 2.0)."""


def response(status: int, body: dict[str, Any], request_id: str) -> Response:
    """Write a reply that no cache keeps and that names its request."""
    return {
        "statusCode": status,
        "headers": {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-request-id": request_id,
        },
        "body": json.dumps(body, separators=(",", ":")),
    }
