"""What the pages of the documentation show: their blocks of commands, records and templates."""

import re
from collections.abc import Sequence


def blocks(text: str, language: str) -> Sequence[str]:
    """The blocks in one language, in the order of the text."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
