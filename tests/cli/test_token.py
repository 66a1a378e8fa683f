import time
from urllib.parse import unquote

import pytest

from cli.main import run
from expunge.history.tokens import Sealed, Token
from tests.world import SECRET_KEY, SUB_KEY, World

AWS = ["--dynamodb-url", "aws", "--sub-key", SUB_KEY, "--permission", "delete", "--ttl", "5"]


@pytest.fixture(autouse=True)
def keyset(world: World) -> None:
    world.keyset(access_manager=True)


def test_it_prints_a_padded_token_of_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    began = int(time.time())

    assert (
        run(["token", *AWS, "--channel", "ch1", "--channel", "a b", "--pattern", "x.*", "--uuid", "me"]) == 0
    )

    [printed] = capsys.readouterr().out.splitlines()
    assert len(printed) % 4 == 0
    assert unquote(printed) == printed
    sealed = Sealed.unwrap(printed)
    assert sealed is not None
    token = sealed.open(SECRET_KEY)
    assert token is not None
    assert token == Token(token.expires_at, "me", frozenset({"ch1", "a b"}), ("x.*",))
    assert began + 300 <= token.expires_at <= time.time() + 300


def test_other_permissions_do_not_permit_deleting(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["token", "--dynamodb-url", "aws", "--sub-key", SUB_KEY, "--ttl", "5", "--channel", "ch1"]
    assert run([*command, "--permission", "read", "--permission", "write"]) == 0

    sealed = Sealed.unwrap(capsys.readouterr().out.strip())
    assert sealed is not None
    token = sealed.open(SECRET_KEY)
    assert token is not None
    assert token.lacking(["ch1"], None) == ["ch1"]


HINT = "`expunge dump --settings` shows those there are"


def test_an_unknown_keyset_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", *AWS, "--channel", "ch1", "--sub-key", "sub-c-2"]) == 1
    assert capsys.readouterr() == ("", f"expunge: no keyset has the subscribe key 'sub-c-2'; {HINT}\n")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--channel", "ch1", "--ttl", "0"],
        ["--channel", "ch1", "--ttl", "43201"],
        ["--channel", "ch1", "--permission", "destroy"],
        ["--channel", "a,b"],
        ["--channel", ""],
        ["--pattern", "(?=a)"],
        ["--pattern", "["],
        ["--channel", "ch1", "--uuid", ""],
        ["--channel", "ch1", "--uuid", "x" * 65],
    ],
)
def test_used_wrongly_it_says_so_and_prints_no_token(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["token", *AWS, *wrong]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("expunge: ")
    assert error.count("\n") == 1
