"""Matrix products with one thread: those of a recording are so small that others would wait."""

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_limiting = threading.Lock()


@functools.lru_cache(maxsize=1)
def _controller(modules: int) -> "ThreadpoolController":
    """Find the libraries of matrix products; anew when there are other modules, which load them."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """
    Compute matrix products with one thread, for as long as a recording or a batch takes.

    The limit is one of the process. Where another thread has set it, it is left to that one: to set
    it once more could take it for what was there before, and so leave it behind. No generator may
    yield inside, as its caller would be limited as well.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _controller(len(sys.modules)).limit(limits=1, user_api="blas"):
            yield
    finally:
        _limiting.release()
