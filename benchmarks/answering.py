"""DynamoDB without a network: what a client sends is answered at once."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zlib import crc32

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders


def reply(request: Any, body: dict[str, Any]) -> AWSResponse:
    """Write a good answer to a request, as DynamoDB would."""
    text = json.dumps(body).encode()
    headers = {"x-amz-crc32": str(crc32(text)), "content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 200, HTTPHeaders.from_dict(headers), _Raw(text))


class _Raw(BytesIO):
    """A response's body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Give all of it."""
        yield self.read()
