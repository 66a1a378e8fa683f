from pathlib import Path

import pytest

from cli.template import (
    NO_CORS,
    TEMPLATE,
    Cors,
    Function,
    cors,
    default_table_name,
    functions,
    stream_mapping,
    table_definition,
)

EXAMPLE = """
Parameters:
  Name: {Type: String, Default: messages}
  Days: {Type: Number, Default: 30}
  Secret: {Type: String}
Globals:
  Function:
    CodeUri: code/
    MemorySize: 512
    Timeout: 29
    Environment:
      Variables:
        TABLE_NAME: !Ref Name
        DAYS: !Ref Days
        SECRET: !Ref Secret
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: !Sub "${Name}-table"
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: true
      SSESpecification: {SSEEnabled: true}
      Tags: [{Key: a, Value: b}]
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  ListFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: list_things.handler
      MemorySize: 256
      Environment:
        Variables:
          DAYS: 7
          TABLE: !Ref Table
          ARN: !GetAtt Table.Arn
          INDEX: !Sub ${Table.Arn}/index/${Name}
      Events:
        One: {Type: HttpApi, Properties: {Method: get, Path: "/things/{id}"}}
        Two: {Type: HttpApi, Properties: {Method: DELETE, Path: /things}}
        Rate: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
  PurgeFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: purge.run
      Timeout: 900
"""


def example(folder: Path) -> Path:
    path = folder / "template.yaml"
    path.write_text(EXAMPLE)
    return path


def test_functions_are_read_with_globals_merged_and_references_resolved(tmp_path: Path) -> None:
    assert functions(example(tmp_path)) == (
        Function(
            name="ListFunction",
            code=tmp_path / "code",
            module="list_things",
            attribute="handler",
            timeout=29,
            memory=256,
            environment={
                "TABLE_NAME": "messages",
                "DAYS": "7",
                "SECRET": "",
                "TABLE": "messages-table",
                "ARN": "Table.Arn",
                "INDEX": "Table.Arn/index/messages",
            },
            routes=(("GET", "/things/{id}"), ("DELETE", "/things")),
            every=3600,
        ),
        Function(
            name="PurgeFunction",
            code=tmp_path / "code",
            module="purge",
            attribute="run",
            timeout=900,
            memory=512,
            environment={"TABLE_NAME": "messages", "DAYS": "30", "SECRET": ""},
            routes=(),
        ),
    )


def test_a_table_definition_is_what_create_table_takes_without_what_guards_a_table_in_aws(
    tmp_path: Path,
) -> None:
    definition = {
        "TableName": "messages-table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    assert table_definition(template=example(tmp_path)) == definition
    assert table_definition("other", example(tmp_path)) == {**definition, "TableName": "other"}
    assert default_table_name(example(tmp_path)) == "messages-table"


def test_what_a_caller_does_to_a_definition_stays_with_the_caller() -> None:
    table_definition()["KeySchema"].clear()
    assert table_definition()["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]


def test_what_browsers_may_do_is_read_with_references_resolved(tmp_path: Path) -> None:
    path = tmp_path / "with-cors.yaml"
    path.write_text(
        EXAMPLE
        + """
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: [!Ref Name, https://b.example]
        AllowMethods: [GET, OPTIONS]
        AllowHeaders: [a, b]
        ExposeHeaders: [c]
        MaxAge: 60
"""
    )
    assert cors(path) == Cors(("messages", "https://b.example"), ("GET", "OPTIONS"), ("a", "b"), ("c",), 60)
    assert cors(example(tmp_path)) == NO_CORS


def test_every_handler_of_the_template_is_where_the_template_says() -> None:
    for function in functions():
        module = function.code / f"{function.module}.py"
        assert module.is_file(), (
            f"{module.name}, the handler of {function.name}, is not in {module.parent.name}/"
        )
        assert f"def {function.attribute}(" in module.read_text()
    assert TEMPLATE.is_file()


@pytest.mark.parametrize(
    ("rate", "seconds"), [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(24 hours)", 86400)]
)
def test_a_schedule_is_read_in_seconds(rate: str, seconds: int, tmp_path: Path) -> None:
    template = example(tmp_path)
    template.write_text(template.read_text().replace("rate(1 hour)", rate))
    assert functions(template)[0].every == seconds


def test_the_stream_is_brought_as_the_template_says_and_switched_on_with_the_table() -> None:
    mapping = stream_mapping()
    assert mapping is not None
    assert mapping.function == "PublishDeletionsFunction"
    assert (mapping.batch_size, mapping.window, len(mapping.patterns)) == (1000, 2, 4)
    assert table_definition()["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }


def test_a_template_without_a_stream_brings_none(tmp_path: Path) -> None:
    assert stream_mapping(example(tmp_path)) is None
    assert "StreamSpecification" not in table_definition(template=example(tmp_path))
