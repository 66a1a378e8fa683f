"""What a sandbox finds in its environment."""

import os
from urllib.parse import urlsplit

from cli.dynamodb import ACCESS_KEY, AWS
from cli.template import Function


def environment(function: Function, dynamodb_url: str, region: str, *, verbose: bool) -> dict[str, str]:
    """Return what Lambda and the template would set, on top of this process's own environment."""
    own = dict(os.environ)
    # The template leaves them open. Whoever names one of their own means it for all commands alike; see
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    endpoint = {name: url for name, url in own.items() if name.startswith("AWS_ENDPOINT_URL_")}
    if dynamodb_url != AWS:
        own = {name: value for name, value in own.items() if not name.startswith("AWS_")}
        s3_url = os.environ.get("AWS_ENDPOINT_URL_S3") or dynamodb_url
        endpoint = _credentials(dynamodb_url, s3_url, own.get("NO_PROXY", own.get("no_proxy", "")))
    return {
        **own,
        **function.environment,
        **endpoint,
        "WORK_QUEUE_URL": "",  # on one machine a run does everything itself
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": "INFO" if verbose else "WARNING",
    }


def _credentials(dynamodb_url: str, s3_url: str, direct: str) -> dict[str, str]:
    """Make the SDK ask these endpoints, and take nothing from what the user has configured for AWS."""
    hosts = dict.fromkeys([urlsplit(dynamodb_url).hostname, urlsplit(s3_url).hostname])
    direct = ",".join([direct, *(host for host in hosts if host)]).lstrip(",")
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
