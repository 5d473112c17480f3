"""Walk a cursor-paged listing to its end, and prove that it was the end.

The server has two faults here. With ``limit`` below 100 it skips rows that share a creation
time with the last row of a page, so only 100 is ever asked. With more than 200 rows of one
creation time it serves the same page for ever, so a page that repeats stops the walk.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from isic_api.errors import IncompleteListingError
from isic_api.records import Page

PAGE_SIZE = 100

T = TypeVar("T")


def walk(
    ask: Callable[[Mapping[str, Any]], Page],
    parse: Callable[[Mapping[str, Any]], T],
    *,
    key: Callable[[T], Hashable],
    on_count: Callable[[int], None] | None = None,
) -> Iterator[T]:
    """Every item once, in the server's order (by creation).

    ``ask`` gets one page for the query parameters of a ``next`` link; its host is not followed.
    ``on_count`` is told the server's total before the first item.
    Raises IncompleteListingError after the last item if fewer came than the server counted, or
    if it goes in circles. More than counted is no error: the count comes from a search index
    that may be a day behind.
    """
    seen: set[Hashable] = set()
    total = 0
    for number, page in enumerate(_pages(ask)):
        if number == 0:
            total = page.count or 0
            if on_count:
                on_count(total)
        items = {key(item): item for item in map(parse, page.results)}
        new = [item for name, item in items.items() if name not in seen]
        if page.next is not None and not new:
            raise _incomplete(len(seen), total, "it repeats the same page")
        seen.update(items)
        yield from new
    if len(seen) < total:
        raise _incomplete(len(seen), total, "it ended")


def _pages(ask: Callable[[Mapping[str, Any]], Page]) -> Iterator[Page]:
    page = ask({"limit": PAGE_SIZE})
    yield page
    while page.next is not None:
        page = ask({**parse_qs(urlsplit(page.next).query), "limit": PAGE_SIZE})
        yield page


def _incomplete(got: int, total: int, why: str) -> IncompleteListingError:
    return IncompleteListingError(
        f"The Archive counts {total:,} but its listing stopped at {got:,}: {why}. What was listed "
        "is kept; run the same command again later, or split the query, e.g. by sex."
    )
