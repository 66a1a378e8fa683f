"""The session knows the services of the layer and looks for no others."""

import os

import pytest
from botocore.exceptions import UnknownServiceError

from expunge.table.session import SERVICES, session


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_is_made_without_a_look_at_all_services(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    real = os.listdir

    def noted(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", noted)

    client = session.__wrapped__().create_client(service, region_name="us-east-1")

    assert client.meta.service_model.service_name == service
    # For the versions of its model.
    assert {os.path.basename(each) for each in listed} == {service}  # noqa: PTH119 - as botocore names them


def test_other_services_are_unknown() -> None:
    with pytest.raises(UnknownServiceError, match="'ec2'"):
        session.__wrapped__().create_client("ec2", region_name="us-east-1")


def test_no_row_of_a_call_is_asked_for_an_endpoint() -> None:
    client = session.__wrapped__().create_client("dynamodb", region_name="us-east-1")
    operations = client.meta.service_model

    asked = [
        name
        for name in operations.operation_names
        if operations.operation_model(name).operation_context_parameters
    ]

    assert asked == []
