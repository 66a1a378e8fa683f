"""A check of Schemathesis' that knows what a schema cannot say; `make schemathesis` has it loaded."""

import json

import schemathesis

SAID_IN_WORDS = (
    # An order of two parameters.
    "must be earlier than",
    # An endpoint that the account must have.
    "endpoint not found",
    # Names, not all blanks, between commas.
    "channels must be 1 to 50 names",
    # Values that an earlier answer gave.
    "cursor must be one that the page before this one gave",
)


@schemathesis.check  # type: ignore[untyped-decorator] # it is not installed where types are checked
def what_fits_is_accepted(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """What fits the schema is answered with 400 only for what the parameters' descriptions say besides."""
    generated = case.meta is not None and case.meta.generation.mode.is_positive
    if generated and response.status_code == 400:
        answer = json.loads(response.content)
        message = answer["error_message"] if "error_message" in answer else answer["error"]["message"]
        assert any(said in message for said in SAID_IN_WORDS), message
