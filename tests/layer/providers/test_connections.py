"""Connections to a provider that fail, hang, break off, or lead to somebody else."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from expunge.linked import providers
from tests.layer.providers.asking import KEY, Configure, ask, told
from tests.upstream import Upstream, answer, upstream
from tests.world import Context, RunningOut


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
