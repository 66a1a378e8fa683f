"""What becomes of the one request to a provider: a real server on loopback, behaving well and badly."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from expunge import settings, timestamps
from expunge.deadline import Deadline
from expunge.linked import providers
from expunge.linked.providers import delete_at_provider
from expunge.problems import CATALOGUE, Problem
from tests.upstream import Upstream, answer, upstream
from tests.world import Context, RunningOut

KEY = "provider-key-of-whatsapp"

Configure = Callable[[str], None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Set the base URL of both providers."""

    def configure(url: str) -> None:
        settings.provider.cache_clear()
        for name in ("WHATSAPP", "LINKEDIN"):
            monkeypatch.setenv(f"{name}_BASE_URL", url)
            monkeypatch.setenv(f"{name}_KEY_NAME", "/keys/whatsapp")

    monkeypatch.setattr(providers, "provider_key", {"/keys/whatsapp": KEY}.__getitem__)
    yield configure
    settings.provider.cache_clear()


@pytest.fixture
def provider(configure: Configure) -> Iterator[Upstream]:
    with upstream() as there:
        configure(there.url)
        yield there


def ask(provider_message_id: str = "wamid.1", context: Context | None = None) -> Problem | None:
    """Return what went wrong, None if the message is gone."""
    deadline = Deadline((context or Context()).get_remaining_time_in_millis)
    try:
        delete_at_provider("WHATSAPP", provider_message_id, deadline)
    except Problem as problem:
        return problem
    return None


def told(problem: Problem | None) -> tuple[int, str] | None:
    return None if problem is None else (problem.status, problem.code.removeprefix("errors/"))


def test_the_request_is_the_providers_own_with_this_services_key(provider: Upstream) -> None:
    assert ask() is None

    [asked] = provider.asked
    assert asked.line == "DELETE /api/v1/messages/wamid%2E1 HTTP/1.1"
    assert asked.headers["X-API-KEY"] == KEY


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_means_that_the_message_is_gone_there(provider: Upstream, status: int) -> None:
    provider.says(status, None if status == 204 else {"type": "errors/account_restricted"})

    assert ask() is None


@pytest.mark.parametrize("named", ["errors/resource_not_found", "resource_not_found"])
def test_404_means_that_the_message_is_gone_there_if_the_provider_says_that_it_does_not_know_it(
    provider: Upstream, named: str
) -> None:
    provider.says(404, {"title": "Not found", "type": named, "status": 404})

    assert ask() is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"<!doctype html><title>404 Not Found</title>",
        b"resource_not_found",
        "resource_not_found",
        ["errors/resource_not_found"],
        {"message": "Not Found"},
        {"error": {"type": "errors/resource_not_found"}},
        {"type": "about:blank", "title": "Not Found", "status": 404},
        {"type": "https://provider.example/errors/resource_not_found"},
        {"type": "errors/errors/resource_not_found"},
        {"type": "errors/resource_not_found "},
        {"type": "Resource_Not_Found"},
        {"type": "errors/invalid_resource_identifier"},
        {"type": "errors/account_restricted"},
    ],
)
def test_any_other_404_may_come_from_a_wrong_address_and_is_a_providers_error(
    provider: Upstream, body: Any
) -> None:
    provider.says(404, body)

    assert told(ask()) == (500, "provider_error")


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("prefix", ["errors/", ""])
def test_a_type_of_the_catalogue_is_passed_on_with_the_catalogues_status_and_title_and_nothing_else_is(
    provider: Upstream, name: str, status: int, prefix: str
) -> None:
    provider.says(
        status, {"type": f"{prefix}{name}", "title": "tell-tale", "detail": "tell-tale", "status": 1}
    )

    problem = ask()

    assert problem is not None
    assert (problem.status, problem.title) == CATALOGUE[name]
    assert problem.code == f"errors/{name}"
    assert "tell-tale" not in problem.message


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        *[(status, (500, "provider_error")) for status in (300, 301, 302, 303, 304, 307, 308)],
        *[(status, (500, "provider_error")) for status in (400, 401, 402, 403, 405, 409, 410, 418, 422, 451)],
        *[(status, (500, "provider_error")) for status in (101, 500, 501, 502, 504, 507, 599, 999)],
        (429, (503, "service_unavailable")),
        (503, (503, "service_unavailable")),
    ],
)
def test_any_other_answer_is_told_by_its_status(
    provider: Upstream, status: int, problem: tuple[int, str]
) -> None:
    provider.says(status)

    assert told(ask()) == problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"\xff\xfe\x00",
        b'{"type": "errors/account_restricted"',
        b"[" * 100_000,
        ["errors/account_restricted"],
        "errors/account_restricted",
        {"type": "errors/unheard_of"},
        {"type": "errors/errors/account_restricted"},
        {"type": "errors/account_restricted "},
        {"type": ["errors/account_restricted"]},
        {"type": None},
        {"error": {"type": "errors/account_restricted"}},
    ],
)
def test_what_names_no_type_of_the_catalogue_is_a_providers_error(provider: Upstream, body: Any) -> None:
    provider.says(400, body)

    assert told(ask()) == (500, "provider_error")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(provider: Upstream, status: int) -> None:
    with upstream() as elsewhere:
        provider.says(status, Location=f"{elsewhere.url}/api/v1/messages/wamid.1")

        assert told(ask()) == (500, "provider_error")

        assert elsewhere.asked == []
    assert len(provider.asked) == 1


NOW = datetime(2026, 5, 1, 12, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("86400", 86_400),
        ("86401", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("9" * 5000, None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Foo 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_how_long_a_busy_provider_wants_to_be_left_alone_is_passed_on_if_it_makes_sense(
    provider: Upstream, monkeypatch: pytest.MonkeyPatch, status: int, given: str, seconds: int | None
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)
    provider.says(status, Retry_After=given)

    problem = ask()

    assert told(problem) == (503, "service_unavailable")
    assert problem is not None
    assert problem.retry_after == seconds


def test_retry_after_is_for_a_busy_provider_only(provider: Upstream) -> None:
    provider.says(500, Retry_After="7")

    problem = ask()

    assert problem is not None
    assert problem.retry_after is None


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 2",
        b"HTTP/1.1 OK 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01" + bytes(100),
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + b'{"object": "Mess',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000,
    ],
)
def test_half_an_answer_and_garbage_are_no_yes(provider: Upstream, sent: bytes) -> None:
    provider.sends(sent)

    assert told(ask()) == (500, "provider_error")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", answer(200, "x" * 100)[:-50]])
def test_an_answer_that_does_not_come_in_time_is_a_time_out_with_time_left_to_say_so(
    provider: Upstream, sent: bytes
) -> None:
    provider.hangs(after=sent)
    context = RunningOut(seconds=1)

    assert told(ask(context=context)) == (504, "request_timeout")
    assert context.get_remaining_time_in_millis() > 300


def test_an_answer_that_comes_drop_by_drop_is_a_time_out_too(provider: Upstream) -> None:
    provider.drips(answer(200, "x" * 1000))
    context = RunningOut(seconds=1)

    assert told(ask(context=context)) == (504, "request_timeout")
    assert context.get_remaining_time_in_millis() > 300


def test_a_connection_that_is_never_taken_is_a_time_out(configure: Configure) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):
            configure(f"http://127.0.0.1:{address[1]}")

            assert told(ask(context=RunningOut(seconds=1))) == (504, "request_timeout")


def test_a_refused_connection_means_that_the_network_is_down(configure: Configure) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        configure(f"http://127.0.0.1:{bound.getsockname()[1]}")

        assert told(ask()) == (503, "network_down")


def test_a_name_that_does_not_resolve_means_that_the_network_is_down(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    configure("https://provider.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert told(ask()) == (503, "network_down")


def test_without_time_the_provider_is_not_asked(provider: Upstream) -> None:
    class Late(Context):
        def __init__(self) -> None:
            self.left = iter([29_000])

        def get_remaining_time_in_millis(self) -> int:
            return next(self.left, 12_000)

    assert told(ask(context=Late())) == (503, "service_unavailable")
    assert provider.asked == []


def test_a_provider_without_an_address_is_a_disconnected_feature(configure: Configure) -> None:
    configure("")

    assert told(ask()) == (401, "disconnected_feature")


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for a name, with its private key, in one file."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = folder / "provider.pem"
    file.write_bytes(
        signed.public_bytes(pem)
        + private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., ssl.SSLContext]]:
    """A server's context with a certificate for a name, which this process trusts or not."""

    def context(*, name: str, trusted: bool) -> ssl.SSLContext:
        file = certificate(tmp_path, name)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server

    providers._tls.cache_clear()  # noqa: SLF001 - the certificates are read once a process
    yield context
    providers._tls.cache_clear()  # noqa: SLF001


def test_a_provider_with_the_right_certificate_is_asked(
    configure: Configure, tls: Callable[..., ssl.SSLContext]
) -> None:
    with upstream(tls(name="localhost", trusted=True)) as there:
        configure(there.url)

        assert ask() is None

    assert there.asked[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("elsewhere", True)])
def test_the_key_is_not_sent_where_the_certificate_is_wrong(
    configure: Configure,
    tls: Callable[..., ssl.SSLContext],
    name: str,
    trusted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with upstream(tls(name=name, trusted=trusted)) as there:
        configure(there.url)

        assert told(ask()) == (500, "provider_error")

    assert there.asked == []


@pytest.mark.parametrize(
    ("provider_message_id", "segment"),
    [
        ("urn:li:msg:(urn:li:member:1,2-B==)", "urn%3Ali%3Amsg%3A%28urn%3Ali%3Amember%3A1%2C2-B%3D%3D%29"),
        ("a/../b?c=d#e%2F", "a%2F%2E%2E%2Fb%3Fc%3Dd%23e%252F"),
        ("..", "%2E%2E"),
        (".", "%2E"),
    ],
)
def test_whatever_the_providers_id_it_is_one_segment_of_the_path(
    provider: Upstream, provider_message_id: str, segment: str
) -> None:
    assert ask(provider_message_id) is None
    assert provider.asked[0].line == f"DELETE /api/v1/messages/{segment} HTTP/1.1"


def test_a_base_url_may_have_a_path(provider: Upstream, configure: Configure) -> None:
    configure(f"{provider.url}/whatsapp/")

    assert ask() is None
    assert provider.asked[0].line == "DELETE /whatsapp/api/v1/messages/wamid%2E1 HTTP/1.1"


@pytest.mark.parametrize("status", [200, 401, 500])
def test_neither_the_key_nor_anything_that_the_provider_said_is_logged(
    provider: Upstream, status: int, logged: Callable[[], list[Any]]
) -> None:
    provider.says(status, {"type": "tell-tale", "detail": "tell-tale"}, X_Note="tell-tale")

    ask()

    written = json.dumps(logged())
    assert KEY not in written
    assert "tell-tale" not in written
