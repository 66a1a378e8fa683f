"""What EventBridge does on a schedule: a function is invoked every so often."""

import asyncio
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from cli.events import ACCOUNT
from cli.invoke import InvocationError, Invoker

log = logging.getLogger(__name__)


async def every(seconds: float, invoker: Invoker) -> None:
    """Invoke the function after so many seconds, and again and again. One that fails is logged."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await invoker.invoke(event())
        except InvocationError as error:
            log.warning("%s failed on its schedule: %s", invoker.function.name, error)


def event() -> dict[str, Any]:
    """Make the event that a rule of EventBridge sends now."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }
