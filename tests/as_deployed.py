"""The functions' settings, as template.yaml gives them by default."""

from cli.dynamodb import ACCESS_KEY, REGION
from cli.template import functions

_OUTSIDE = ("_URL", "_KEY_NAME")
"""Ends of the names of settings that say where something outside is: a test says so itself."""


def environment(**more: str) -> dict[str, str]:
    """Every setting that has a value, and credentials; to be set before a handler is imported."""
    settings = {name: value for function in functions() for name, value in function.environment.items()}
    credentials = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    return {k: v for k, v in settings.items() if v and not k.endswith(_OUTSIDE)} | credentials | more
