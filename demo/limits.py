"""What the server takes of its visitors and how long it keeps it: page, batch and REST alike."""

MOST_BYTES = 20 << 20
"""Of one photograph, and of one request."""

AT_ONCE = 4
"""Photographs that are answered at a time; others wait."""

KEPT_SECONDS = 3000
"""What was not used so long is forgotten: within the hour, as the page says."""
