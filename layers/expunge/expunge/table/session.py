"""The process's session of botocore, set up so that clients are made quickly.

boto3 is not imported: it would take another 25 ms of a cold start.
"""

from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.session import Session

SERVICES: Final = ("dynamodb", "events", "s3", "sqs")
"""The services that the layer makes clients of itself."""


@cache
def session() -> Session:
    """Give the process's one session, which makes clients of SERVICES and knows no others.

    A session as botocore makes it looks through the folders of over 400 services before it makes a client of
    one. That takes a sixth of a cold start.
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
        """Load a service's model without the rule that a table's ARN decides which endpoint is called.

        By that rule, each row of each call would be searched for an ARN, which takes a quarter of the CPU of
        a transaction. Tables have plain names here.
        """
        model = super().load_service_model(service_name, type_name, api_version)
        for operation in model.get("operations", {}).values():
            operation.pop("operationContextParams", None)
        return model
