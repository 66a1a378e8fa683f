"""Logs and metrics: JSON lines on standard output, as CloudWatch reads them.

Nothing here may hold an API key, a token, a signature or message content.
"""

import logging
from collections.abc import Mapping

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from expunge.tracebacks import Unquoted

logger = Logger(logger_formatter=Unquoted())

# It warns of headers that it cannot read, and quotes them: a provider may have sent back what it was sent.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


def count(family: str, **counts: int) -> None:
    """Publish counts of one invocation, such as Deleted or PartialFailures, under the family's dimension."""
    _publish(family, MetricUnit.Count, counts)


def seconds(family: str, **times: float) -> None:
    """Publish times, such as OldestDueAge, likewise."""
    _publish(family, MetricUnit.Seconds, times)


def _publish(family: str, unit: MetricUnit, values: Mapping[str, float]) -> None:
    # A new object for each call: a shared one would collect values for ever while metrics are off.
    metrics = EphemeralMetrics()
    metrics.add_dimension("family", family)
    for name, value in values.items():
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()
