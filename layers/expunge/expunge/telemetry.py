"""Logs and metrics: JSON lines on standard output, as CloudWatch reads them.

Nothing here may hold an API key, a token, a signature or message content.
"""

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
_metrics = Metrics()


def count(family: str, **counts: int) -> None:
    """Publish counts of one invocation, such as Deleted or PartialFailures, under the family's dimension."""
    _metrics.add_dimension("family", family)
    for name, value in counts.items():
        _metrics.add_metric(name, MetricUnit.Count, value)
    _metrics.flush_metrics()
