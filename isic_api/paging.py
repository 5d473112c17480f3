"""Read a cursor-paged listing to its end, and verify that it is complete.

The server has two faults here. With ``limit`` below 100 it skips rows that share a creation
time with the last row of a page, so the limit is always 100. With more than 200 rows of one
creation time it serves the same page forever, so a repeated page ends the walk.
"""

from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from isic_api.errors import IncompleteListingError
from isic_api.records import Page

PAGE_SIZE = 100

T = TypeVar("T")


@dataclass
class Bookmark:
    """Position in a listing, from which a later walk can resume."""

    cursor: str = ""  # of the current page; empty: the first
    total: int | None = None  # the server's count; None before the first page
    seen: set[Hashable] = field(default_factory=set)


def walk(
    ask: Callable[[Mapping[str, Any]], Page],
    parse: Callable[[Mapping[str, Any]], T],
    *,
    key: Callable[[T], Hashable],
    on_count: Callable[[int], None] | None = None,
    bookmark: Bookmark | None = None,
    recover: Callable[[], Iterator[T]] | None = None,
) -> Iterator[T]:
    """Yield every item once, in the server's order (by creation).

    Args:
        ask: Gets one page for the query parameters of a ``next`` link; its host is not followed.
        parse: Makes an item of one entry of a page.
        key: The item's id.
        on_count: Told the server's total before the first item.
        bookmark: Where an earlier walk stopped; kept up to date.
        recover: Lists all items in another way if paging loops.

    Raises:
        IncompleteListingError: After the last item, if fewer came than the server counted. More
            than counted is no error: the count comes from a search index that may be a day
            behind.
    """
    at = bookmark or Bookmark()
    circular = yield from _page_by_page(ask, parse, key=key, on_count=on_count, at=at)
    if circular and recover:
        for item in recover():
            if key(item) not in at.seen:
                at.seen.add(key(item))
                yield item
    if len(at.seen) < (at.total or 0) or (circular and not recover):
        raise _incomplete(len(at.seen), at.total or 0, circular=circular)


def _page_by_page(
    ask: Callable[[Mapping[str, Any]], Page],
    parse: Callable[[Mapping[str, Any]], T],
    *,
    key: Callable[[T], Hashable],
    on_count: Callable[[int], None] | None,
    at: Bookmark,
) -> Generator[T, None, bool]:
    """Yield the items up to the last page; returns True if a page repeats before."""
    for page, resumed in _pages(ask, at):
        items = {key(item): item for item in map(parse, page.results)}
        new = [item for name, item in items.items() if name not in at.seen]
        if at.total is None:
            at.total = page.count or 0
        if on_count:
            on_count(at.total)
            on_count = None
        if page.next is not None and not new and not resumed:
            return True
        yield from new
        at.seen.update(items)
    return False


def _pages(ask: Callable[[Mapping[str, Any]], Page], at: Bookmark) -> Iterator[tuple[Page, bool]]:
    """Yield each page, and whether an earlier walk may have read it already."""
    resumed = bool(at.seen)
    while True:
        page = ask({"limit": PAGE_SIZE, **({"cursor": at.cursor} if at.cursor else {})})
        yield page, resumed
        resumed = False
        if page.next is None:
            return
        at.cursor = parse_qs(urlsplit(page.next).query).get("cursor", [""])[0]


def _incomplete(got: int, total: int, *, circular: bool) -> IncompleteListingError:
    why = "it repeats the same page" if circular else "it ended"
    return IncompleteListingError(
        f"The Archive counts {total:,} but its listing stopped at {got:,}: {why}. Run the same "
        "command again later, or split the query, e.g. by sex."
    )
