"""Each function's policy allows what the function does, and nothing else.

What it does is recorded while it meets success and failure on moto, which itself asks for no permission.
"""

import json
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests import bucket
from tests.deploy.allowed import LAMBDAS_OWN, LAMBDAS_OWN_OF_THE_QUEUE, allowed
from tests.deploy.plays import PLAYS
from tests.deploy.recorder import Recorder
from tests.deploy.template import lambda_functions
from tests.failing import LOST
from tests.world import World


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    clients: Any = BaseClient
    make = clients._make_api_call  # noqa: SLF001 - every call goes through it

    def noted(client: BaseClient, operation: str, arguments: Any) -> Any:
        recorder.note(client.meta.service_model.service_name, operation, arguments)
        if operation != recorder.lost:
            return make(client, operation, arguments)
        with suppress(ClientError):
            make(client, operation, arguments)
        raise LOST

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return recorder


@pytest.fixture(autouse=True)
def records(world: World) -> None:
    world.customer()
    world.outbound_endpoint()
    world.linked_account()
    world.linked_message()
    world.keyset(access_manager=True)
    world.auth_grant("auth-1", "ch1", "ch2")


@pytest.mark.parametrize(("function", "module"), lambda_functions().items(), ids=lambda_functions())
def test_a_function_may_do_what_it_does_and_nothing_else(
    function: str, module: str, world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module in PLAYS, (
        f"PLAYS has no entry for {module}: write a function of that name which has the handler do all that it"
        " ever does to the table, in success and in failure"
    )
    PLAYS[module](import_module(module).handler, world, recorder, monkeypatch)

    statements = {each for each in allowed(function) if each not in LAMBDAS_OWN | LAMBDAS_OWN_OF_THE_QUEUE}
    refused = {done for done in recorder.done if not any(each.covers(done) for each in statements)}
    unused = {each for each in statements if not any(each.covers(done) for done in recorder.done)}
    assert refused == set(), f"the policy of {function} in template.yaml lacks what {module} does"
    assert unused == set(), f"the policy of {function} in template.yaml allows what {module} never does"


def test_the_function_that_publishes_may_be_brought_the_stream_and_keep_what_it_failed_on() -> None:
    assert allowed("PublishDeletionsFunction") >= LAMBDAS_OWN


@pytest.mark.parametrize(
    ("function", "queue"), [("StoreRecordsFunction", "RecordsQueue"), ("WorkFunction", "WorkQueue")]
)
def test_a_function_may_be_brought_its_queue(function: str, queue: str) -> None:
    own = {each for each in LAMBDAS_OWN_OF_THE_QUEUE if each.resource == f"{queue}.Arn"}
    assert allowed(function) & LAMBDAS_OWN_OF_THE_QUEUE == own


def test_no_statement_names_all_actions_or_all_resources() -> None:
    for function in lambda_functions():
        # All objects of the one bucket, but no other.
        pairs = [(each.action, each.resource.removesuffix(f"{bucket.NAME}/*")) for each in allowed(function)]
        assert "*" not in json.dumps(pairs)
