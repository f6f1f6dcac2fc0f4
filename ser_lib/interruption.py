"""Signals by which schedulers and terminals end a command: they end it as Ctrl-C does."""

import contextlib
import signal
from collections.abc import Iterator

# Beside that of Ctrl-C: SLURM, a closed terminal. Not every system has them.
_ENDING = ("SIGTERM", "SIGHUP")


class Signalled(KeyboardInterrupt):
    """A signal that ends a command; its argument is its number."""


@contextlib.contextmanager
def by_signals() -> Iterator[None]:
    """Let the signals raise `Signalled` here, once; handlers of before are put back."""
    numbers = [getattr(signal, name) for name in ("SIGINT", *_ENDING) if hasattr(signal, name)]
    # What `nohup` and shells let a process ignore stays ignored.
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _raise) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def number(interruption: KeyboardInterrupt) -> int:
    """Return the number of the signal behind an interruption."""
    return interruption.args[0] if isinstance(interruption, Signalled) else signal.SIGINT


def _raise(number: int, _: object) -> None:
    """End the command; schedulers send signals again while it ends, people press Ctrl-C again."""
    for other, handler in (
        *((name, signal.SIG_IGN) for name in _ENDING),
        ("SIGINT", signal.SIG_DFL),
    ):
        if hasattr(signal, other):
            signal.signal(getattr(signal, other), handler)
    raise Signalled(number)
