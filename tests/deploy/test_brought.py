"""What schedule, stream and queues bring to a function, and what becomes of what fails there."""

import json
import re

from expunge.background import worker
from tests.deploy.template import parameter, resources, template

MINUTES = 60


def test_scheduled_runs_end_or_are_given_up_before_the_next_and_are_not_repeated_unseen() -> None:
    [minutes] = re.findall(r"^rate\((\d+) minutes\)$", parameter("PurgeSchedule")["Default"])
    purge = resources("AWS::Serverless::Function")["PurgeFunction"]
    waiting = purge["EventInvokeConfig"]
    assert purge["Timeout"] < int(minutes) * MINUTES
    assert waiting["MaximumEventAgeInSeconds"] < int(minutes) * MINUTES
    assert waiting["MaximumRetryAttempts"] == 0
    assert waiting["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_the_stream_is_brought_so_that_nothing_is_lost_and_nothing_holds_it_up_for_good() -> None:
    mapping = resources("AWS::Lambda::EventSourceMapping")["PublishDeletionsMapping"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert template()["Resources"]["Table"]["Properties"]["StreamSpecification"] == {
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    }
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["PublishDeadLetterQueue", "Arn"]
    }
    # A request's worth of messages in one batch, and all of them in an event.
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (1000, 2)


def test_the_stream_has_no_more_patterns_than_lambda_takes_and_none_of_content() -> None:
    filters = resources("AWS::Lambda::EventSourceMapping")["PublishDeletionsMapping"]["FilterCriteria"][
        "Filters"
    ]
    assert len(filters) <= 5
    for each in filters:
        keys = json.loads(each["Pattern"])["dynamodb"]["Keys"]
        assert keys in ({"sk": {"S": ["MESSAGE"]}}, {"pk": {"S": [{"prefix": "SWEEP#"}]}})


def test_the_records_queue_gives_up_what_cannot_be_stored_and_only_it_may_do_so() -> None:
    queues = resources("AWS::SQS::Queue")
    queue, dead = queues["RecordsQueue"], queues["RecordsDeadLetterQueue"]
    function = resources("AWS::Serverless::Function")["StoreRecordsFunction"]
    mapping = resources("AWS::Lambda::EventSourceMapping")["StoreRecordsMapping"]

    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["RecordsDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }
    name = queue["QueueName"]["Fn::Sub"]
    arn = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:" + name
    assert dead["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [{"Fn::Sub": arn}],
    }
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 60 * MINUTES
    assert mapping == {
        "FunctionName": {"Ref": "StoreRecordsFunction"},
        "EventSourceArn": {"Fn::GetAtt": ["RecordsQueue", "Arn"]},
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "StoreConcurrency"}},
    }


def test_the_work_queue_gives_up_what_fails_and_brings_one_task_at_a_time_to_so_many_functions() -> None:
    queues = resources("AWS::SQS::Queue")
    queue, dead = queues["WorkQueue"], queues["WorkDeadLetterQueue"]
    function = resources("AWS::Serverless::Function")["WorkFunction"]

    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert function["Timeout"] > worker.SLICE
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["WorkDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 3,
    }
    assert resources("AWS::Lambda::EventSourceMapping")["WorkMapping"] == {
        "FunctionName": {"Ref": "WorkFunction"},
        "EventSourceArn": {"Fn::GetAtt": ["WorkQueue", "Arn"]},
        "BatchSize": 1,
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "WorkConcurrency"}},
    }
    assert parameter("WorkConcurrency")["MinValue"] == 2
