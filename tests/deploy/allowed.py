"""What the policies of template.yaml allow a function to do."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests import bucket
from tests.deploy.recorder import Done
from tests.deploy.template import resources


class Allowed(NamedTuple):
    """A pair of a statement; `pk` is the pattern that it is limited to."""

    action: str
    resource: str
    pk: str | None

    def covers(self, done: Done) -> bool:
        same = (self.action, self.resource) == (done.action, done.resource)
        return same and (self.pk is None or (done.pk is not None and fnmatchcase(done.pk, self.pk)))


LAMBDAS_OWN = {
    Allowed(f"dynamodb:{action}", "Table.StreamArn", None)
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
} | {Allowed("sqs:SendMessage", "PublishDeadLetterQueue.Arn", None)}
LAMBDAS_OWN_OF_THE_QUEUE = {
    Allowed(f"sqs:{action}", queue, None)
    for queue in ("RecordsQueue.Arn", "WorkQueue.Arn")
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}
"""What Lambda does in a function's name to bring it a stream and to keep what it failed on, or a queue."""


def allowed(function: str) -> set[Allowed]:
    found = set()
    for statement in _statements(function):
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                for pk in _leading_keys(statement.get("Condition")):
                    found.add(Allowed(action, _resource(resource), pk))
    return found


def _statements(function: str) -> Iterator[Any]:
    """Its own, and those of the policies that it shares with others."""
    policies = resources("AWS::Serverless::Function")[function].get("Policies")
    assert policies, f"{function} in template.yaml has no Policies: it may not even look up a key"
    shared = resources("AWS::IAM::ManagedPolicy")
    for policy in map(_with_a_bucket, policies):
        yield from (
            shared[policy["Ref"]]["PolicyDocument"]["Statement"] if "Ref" in policy else policy["Statement"]
        )


def _with_a_bucket(policy: Any) -> Any:
    """What holds of contents in S3 holds only if the template is given a bucket."""
    if "Fn::If" not in policy:
        assert "s3:" not in str(policy)
        return policy
    assert policy["Fn::If"] == ["HasContentBucket", {"Ref": "ContentPolicy"}, {"Ref": "AWS::NoValue"}]
    return policy["Fn::If"][1]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _leading_keys(condition: Mapping[str, Any] | None) -> Sequence[str | None]:
    if condition is None:
        return [None]
    [(operator, keys)] = condition.items()
    assert operator in ("ForAllValues:StringEquals", "ForAllValues:StringLike")
    assert list(keys) == ["dynamodb:LeadingKeys"]
    patterns: Sequence[str] = keys["dynamodb:LeadingKeys"]
    assert operator.endswith("Like") or not any("*" in pattern for pattern in patterns)
    return patterns


def _resource(value: dict[str, Any]) -> str:
    if value == {"Fn::GetAtt": ["Table", "Arn"]}:
        return "table"
    if "Fn::GetAtt" in value:
        return ".".join(value["Fn::GetAtt"])
    arn = value["Fn::Sub"].replace("${EventBusName}", "default").replace("${ContentBucket}", bucket.NAME)
    key = re.search(r"\$\{(Whatsapp|Linkedin)KeyName\}", arn)
    return key[1].upper() if key else str(arn).removeprefix("${Table.Arn}/")
