"""Where the keys for the providers come from, on moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from expunge.linked.provider_keys import KeyUnavailable, forget, provider_key


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        forget()
        yield
        forget()


def put_parameter(value: str) -> None:
    boto3.client("ssm").put_parameter(Name="/keys/whatsapp", Value=value, Type="SecureString", Overwrite=True)


def test_a_name_that_begins_with_a_slash_is_one_of_parameter_store() -> None:
    put_parameter("key-1")

    assert provider_key("/keys/whatsapp") == "key-1"


def test_any_other_name_is_one_of_secrets_manager() -> None:
    boto3.client("secretsmanager").create_secret(Name="keys/linkedin", SecretString="key-2")

    assert provider_key("keys/linkedin") == "key-2"


def test_a_key_is_held_until_it_is_forgotten() -> None:
    put_parameter("key-1")
    provider_key("/keys/whatsapp")
    put_parameter("key-3")

    assert provider_key("/keys/whatsapp") == "key-1"
    forget()
    assert provider_key("/keys/whatsapp") == "key-3"


def test_a_newline_at_the_end_is_no_part_of_a_key() -> None:
    put_parameter("key-1\n")

    assert provider_key("/keys/whatsapp") == "key-1"


@pytest.mark.parametrize("value", ["two\nlines", "k\u00e9y", " ", "a b"])
def test_what_a_header_cannot_hold_is_no_key_is_not_shown_and_not_held(value: str) -> None:
    put_parameter(value)

    with pytest.raises(KeyUnavailable, match=r"^/keys/whatsapp is no key$"):
        provider_key("/keys/whatsapp")

    put_parameter("key-1")
    assert provider_key("/keys/whatsapp") == "key-1"


def test_bytes_are_no_key() -> None:
    boto3.client("secretsmanager").create_secret(Name="keys/linkedin", SecretBinary=b"key-2")

    with pytest.raises(KeyUnavailable, match=r"^keys/linkedin is no key$"):
        provider_key("keys/linkedin")


@pytest.mark.parametrize("name", ["/keys/nothing", "keys/nothing"])
def test_a_key_that_is_not_there_cannot_be_read(name: str) -> None:
    with pytest.raises(KeyUnavailable, match=rf"^{name} cannot be read$"):
        provider_key(name)


def test_a_parameter_is_asked_for_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    client = boto3.client("ssm")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)

    def get_parameter(**arguments: Any) -> Any:
        asked.append(arguments)
        return {"Parameter": {"Value": "key-1"}}

    monkeypatch.setattr(client, "get_parameter", get_parameter)
    provider_key("/keys/whatsapp")

    assert asked == [{"Name": "/keys/whatsapp", "WithDecryption": True}]
