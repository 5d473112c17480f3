"""Many at a time, a bounded number ahead, every result read."""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from isic_api.errors import ArchiveError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    settle: Callable[[Result], None],
    stop: Callable[[], None],
) -> None:
    """``work`` on every item in threads, and ``settle`` every result here, in any order.

    ``items`` is read only a few steps ahead of the work, so that it may be endless. An
    exception, be it of ``work``, ``items``, ``settle`` or Ctrl-C, calls ``stop``, which should
    make ``work`` end soon, settles what is done, and is raised.
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    running = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="image") as pool:
        try:
            for item in items:
                pool.submit(work, item).add_done_callback(done.put)
                running += 1
                while running >= 4 * workers or not done.empty():
                    running -= 1
                    settle(done.get().result())
            while running:
                running -= 1
                settle(done.get().result())
        except BaseException:
            stop()
            pool.shutdown(wait=True, cancel_futures=True)
            while not done.empty():
                with contextlib.suppress(ArchiveError, CancelledError):
                    settle(done.get().result())
            raise
