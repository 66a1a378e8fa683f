"""The replies of PostPress's API: an object for a success, a problem for all that fails."""

from expunge.errors import StoreError
from expunge.http.response import Response, response
from expunge.problems import Problem


def success(_result: None, request_id: str) -> Response:
    """Answer 200: the message is deleted."""
    return response(200, {"object": "MessageDeleted"}, request_id)


def failure(error: Exception, request_id: str) -> Response:
    """Answer with title/detail/instance/type/status, and say when to come back if that is known."""
    problem = _problem(error)
    body = {
        "title": problem.title,
        "detail": problem.message,
        "instance": request_id,
        "type": problem.code,
        "status": problem.status,
    }
    reply = response(problem.status, body, request_id)
    if problem.retry_after is not None:
        reply["headers"]["retry-after"] = str(problem.retry_after)
    return reply


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreError):
        return Problem("service_unavailable", f"Not finished: {error.reason}. Repeating the request is safe")
    return Problem("unexpected_error", "The service failed; its log says more under the request's id")
