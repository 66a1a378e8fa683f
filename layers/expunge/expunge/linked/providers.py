"""Asking WhatsApp or LinkedIn to delete a message: one HTTP request, one answer, never more.

The request runs in a thread of its own, because a socket's time limit bounds neither the look-up of a name
nor an answer that comes drop by drop. The connection is never used again: after Lambda has frozen a function,
one that looks open may lead nowhere.
"""

import json
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from expunge import timestamps
from expunge.deadline import Deadline
from expunge.linked.provider_keys import KeyUnavailable, forget, provider_key
from expunge.problems import CATALOGUE, Problem
from expunge.settings import provider as settings_of
from expunge.telemetry import logger

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse  # urllib3 1, which older SDKs bring, does not have it

# Bytes of an answer. It says all that matters in its first hundred.
_LONGEST_ANSWER = 1024 * 1024
_CHUNK = 64 * 1024
_LONGEST_CONNECT = 5.0
_LONGEST_RETRY_AFTER = 86_400


class Answer(NamedTuple):
    """What a provider answered.

    `type` is a name of the catalogue, None if the answer has none. Providers write it with ``errors/`` before
    it, as PostPress documents them, or without: both are taken for the same.
    """

    status: int
    type: str | None
    retry_after: int | None

    @property
    def gone(self) -> bool:
        """Whether the message is there no more: just deleted, or not known (any more).

        A 404 says so only if it is the provider's own word on the message. Any server answers 404 if the base
        URL is wrong, and nothing may be erased on that.
        """
        unknown = self.status == HTTPStatus.NOT_FOUND and self.type == "resource_not_found"
        return HTTPStatus(200) <= self.status < HTTPStatus(300) or unknown


def delete_at_provider(provider: str, provider_message_id: str, deadline: Deadline) -> None:
    """Return when the message is gone at the provider. Raises Problem in all other cases."""
    upstream = settings_of(provider)
    if not upstream.base_url:
        raise Problem("disconnected_feature", "This service is not connected to the provider")
    # Dots too: a path of which a segment is ".." would lead elsewhere.
    segment = quote(provider_message_id, safe="").replace(".", "%2E")
    url = f"{upstream.base_url.rstrip('/')}/api/v1/messages/{segment}"
    answer = _ask(url, _key(upstream.key_name), deadline.to_start())
    if answer.gone:
        return
    logger.warning("The provider said no", extra={"provider": provider, "status": answer.status})
    if answer.status == HTTPStatus.UNAUTHORIZED:
        forget()
    raise _problem(answer)


def _key(name: str) -> str:
    try:
        return provider_key(name)
    except KeyUnavailable as error:
        logger.exception("No key for the provider")
        raise Problem("service_unavailable", "The provider cannot be asked at the moment") from error


def _problem(answer: Answer) -> Problem:
    if answer.status == HTTPStatus.NOT_FOUND:
        return Problem(
            "provider_error", "The provider answered 404 without saying that it is about the message"
        )
    busy = answer.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    name = answer.type or ("service_unavailable" if busy else "provider_error")
    return Problem(name, "The provider did not delete the message", answer.retry_after if busy else None)


def _ask(url: str, key: str, seconds: float) -> Answer:
    if seconds <= 0:
        raise Problem("service_unavailable", "No time was left to ask the provider")
    thread = ThreadPoolExecutor(1)
    try:
        return thread.submit(_exchange, url, key, seconds).result(seconds)
    except NewConnectionError as error:
        raise _failed("network_down", "The provider cannot be reached", error) from error
    except (ConnectTimeoutError, ReadTimeoutError, TimeoutError) as error:
        raise _failed("request_timeout", "The provider did not answer in time", error) from error
    except HTTPError as error:
        raise _failed("provider_error", "The provider gave no answer that can be used", error) from error
    finally:
        thread.shutdown(wait=False)


def _failed(name: str, detail: str, error: Exception) -> Problem:
    logger.warning("The provider gave no answer", extra={"error": type(error).__name__})
    return Problem(name, detail)


def _exchange(url: str, key: str, seconds: float) -> Answer:
    with PoolManager(ssl_context=_tls()) as pool:
        response = pool.request(
            "DELETE",
            url,
            headers={"X-API-KEY": key, "Accept": "application/json", "User-Agent": "expunge"},
            timeout=Timeout(connect=min(seconds, _LONGEST_CONNECT), read=seconds),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            enforce_content_length=True,
        )
        try:
            body = _whole_body(response)
        finally:
            response.close()
    return Answer(response.status, _type(body), _retry_after(response.headers.get("retry-after", "")))


def _whole_body(response: "BaseHTTPResponse") -> bytes:
    """Read to the end, whatever the status: half an answer is no yes, and neither is one without an end."""
    body = bytearray()
    for chunk in response.stream(_CHUNK):
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise HTTPError("too long an answer")
    return bytes(body)


@cache
def _tls() -> ssl.SSLContext:
    """Make the context once: reading the certificates of all authorities takes tens of milliseconds."""
    return ssl.create_default_context()


def _type(body: bytes) -> str | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    given = answer.get("type") if isinstance(answer, dict) else None
    name = given.removeprefix("errors/") if isinstance(given, str) else None
    return name if name in CATALOGUE else None


def _retry_after(given: str) -> int | None:
    """Read seconds or a date; None for anything else, and for more than a day."""
    if re.fullmatch(" *[0-9]{1,6} *", given):
        seconds = int(given)
    else:
        try:
            wait = parsedate_to_datetime(given).astimezone(UTC) - timestamps.now()
        except (ValueError, OverflowError):
            return None
        seconds = max(0, ceil(wait.total_seconds()))
    return seconds if seconds <= _LONGEST_RETRY_AFTER else None
