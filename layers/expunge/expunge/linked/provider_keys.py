"""The keys by which this service is known to the providers: fetched when first needed, held for minutes.

Only names of keys are configured. A name that begins with "/" is one of SSM Parameter Store, any other one
of Secrets Manager.
"""

import re
from functools import cache

import boto3
from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider, SSMProvider
from botocore.config import Config

# A rotated key is used after this many seconds, or as soon as the provider has turned the old one down.
_HELD = 300
# All attempts together take under 5 s, so that the provider can still be asked.
_CONFIG = Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 2, "mode": "standard"})


class KeyUnavailable(Exception):
    """A key could not be fetched, or is none that can be sent."""


def provider_key(name: str) -> str:
    """Return the key of that name. Raises KeyUnavailable, which does not hold the key."""
    try:
        if name.startswith("/"):
            value = _parameters().get(name, decrypt=True, max_age=_HELD)
        else:
            value = _secrets().get(name, max_age=_HELD)
    except GetParameterError as error:
        raise KeyUnavailable(f"{name} cannot be read") from error
    # Keys are often stored with a newline at their end.
    key = value.strip() if isinstance(value, str) else ""
    if re.fullmatch("[!-~]+", key) is None:
        forget()
        raise KeyUnavailable(f"{name} is no key")
    return key


def forget() -> None:
    """Have the keys fetched anew."""
    _parameters.cache_clear()
    _secrets.cache_clear()


@cache
def _parameters() -> SSMProvider:
    return SSMProvider(boto3_client=boto3.client("ssm", config=_CONFIG))


@cache
def _secrets() -> SecretsProvider:
    return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=_CONFIG))
