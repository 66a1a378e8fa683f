"""The form of the table: a number for the items and indexes that this version of the code writes and reads.

It is a tag of the table in template.yaml, `expunge:form`. So a table always says which form the functions of
its stack write. A change that earlier code would not understand gets the next number, and CHANGELOG.md says
how to bring an older table to it.
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
    """Have the client look up a table's form before it first uses one; for an unknown form, ClickException.

    A table without the tag is accepted, and so is one whose tags the user may not read.
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
