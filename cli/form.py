"""The form of the table: which items and indexes the code writes and reads.

The number stands in the template as the table's tag `expunge:form`, so that deploying the template says what
the functions of the stack write from then on. A change that the code of before would not understand gets the
next number, and CHANGELOG.md says how a table of before is brought to it.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from cli.template import table_tags

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TAG: Final = "expunge:form"


def known() -> str:
    """Return the form that this version writes and reads."""
    return table_tags()[TAG]


def complaint(form: str) -> str | None:
    """Say what is wrong with a table of that form; None if nothing is."""
    if form == known():
        return None
    return (
        f"its records are of form {form}, and this command knows form {known()};"
        " use the version of expunge that wrote them, or bring them to this form as CHANGELOG.md says"
    )


def check_first_use(client: "DynamoDBClient") -> None:
    """Have the form looked up before the client first uses a table; ClickException then ends the command.

    A table without the tag, or whose tags may not be read, is taken as it is.
    """
    events = client.meta.events

    def check(params: dict[str, Any], **_: Any) -> None:
        table = params.get("TableName")
        if table is None:
            return
        events.unregister("provide-client-params.dynamodb", check)
        with suppress(client.exceptions.ClientError):
            arn = client.describe_table(TableName=table)["Table"]["TableArn"]
            tags = {tag["Key"]: tag["Value"] for tag in client.list_tags_of_resource(ResourceArn=arn)["Tags"]}
            if said := complaint(tags.get(TAG, known())):
                raise click.ClickException(f"the table {table}: {said}")

    events.register("provide-client-params.dynamodb", check)
