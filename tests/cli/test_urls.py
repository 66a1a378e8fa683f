"""Addresses are given to commands without secrets in them, which pages and logs would show."""

import pytest

from cli.main import run
from cli.urls import parts_of

COMMANDS = {
    "--api": ["console"],
    "--dynamodb-url": ["dump"],
    "--provider-url": ["serve"],
}


@pytest.mark.parametrize("option", COMMANDS)
@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cr3t@127.0.0.1:1",
        "https://s3cr3t@127.0.0.1",
        "https://:s3cr3t@127.0.0.1",
        "me:s3cr3t@127.0.0.1:8000",
        "http:/me:s3cr3t@127.0.0.1",
        "http:/\t/me:s3cr3t@127.0.0.1",
        "http://me:s3cr3t/s3cr3t@127.0.0.1",
        "http://me:12/s3cr3t#?@127.0.0.1",
    ],
)
def test_a_url_with_a_password_is_refused_and_not_repeated(
    option: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMANDS[option], option, url]) == 2

    sentence = "An address with an @ in it holds a user or a password, which would be shown: leave them out."
    assert capsys.readouterr() == ("", f"expunge: Invalid value for '{option}': {sentence}\n")


@pytest.mark.parametrize("option", COMMANDS)
@pytest.mark.parametrize("url", ["http://[", "http://[s3cr3t]:1", "http://127.0.0.1:s3cr3t"])
def test_what_is_no_url_is_said_to_be_none(option: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[option], option, url]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"expunge: Invalid value for '{option}': {url!r} is ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("url", ["HTTPS://api.example.com", "Http://127.0.0.1:8000"])
def test_a_scheme_may_be_in_capitals(url: str) -> None:
    assert parts_of(url) is not None
