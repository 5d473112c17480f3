"""Limits on what visitors may send and how long it is kept, for page, batch and REST alike."""

MOST_BYTES = 20 << 20
"""Of one photograph, and of one request."""

AT_ONCE = 4
"""Photographs that are predicted at a time; others wait."""

KEPT_SECONDS = 3000
"""What has not been used for this long is deleted: within the hour, as the page says."""
