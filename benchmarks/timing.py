"""Times that compare: a busy machine slows both alike."""

import time
from collections.abc import Callable


def fastest(*calls: Callable, rounds: int) -> list[float]:
    """The shortest time of each call in seconds; they take turns."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            started = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - started)
    return best
