"""The process's way to AWS: a session of botocore's that begins quickly.

Importing boto3 around it would take another 25 ms of a cold start.
"""

from functools import cache
from typing import Final

from botocore.loaders import Loader
from botocore.session import Session

SERVICES: Final = ("dynamodb", "events", "s3", "sqs")
"""Those that the layer makes clients of by itself."""


@cache
def session() -> Session:
    """Give the process's one session, which makes clients of SERVICES and knows no others.

    Botocore's own looks through the folders of all services, over 400, before it makes a client of one: a
    sixth of a cold start.
    """
    made = Session()
    made.register_component("data_loader", _Loader())
    return made


class _Loader(Loader):
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        return [*SERVICES]
