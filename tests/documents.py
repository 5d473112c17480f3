"""The project's documents, as the tests read them."""

import re


def blocks(text, language):
    """What stands in fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
