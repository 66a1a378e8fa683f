"""The process's way to AWS: a session of botocore's that begins quickly.

Importing boto3 around it would take another 25 ms of a cold start.
"""

from functools import cache
from typing import Any, Final

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
    made.register_component("data_loader", Models())
    return made


class Models(Loader):
    """What botocore knows of SERVICES, without what makes their clients slow."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        """Name them."""
        return [*SERVICES]

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Leave out that an endpoint may depend on a table that is named by its ARN.

        Each row of each call is asked for one: a quarter of the CPU of a transaction. Tables have plain names
        here.
        """
        model = super().load_service_model(service_name, type_name, api_version)
        for operation in model.get("operations", {}).values():
            operation.pop("operationContextParams", None)
        return model
