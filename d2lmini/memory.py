"""Whether a matrix of weights can be held at all, asked before it is made."""

from pathlib import Path

from .kernels import Array

#: What is smaller than this, in bytes, is tried.
SMALL = 2**30
LINUX = Path("/proc/meminfo")


class WeightsTooLarge(ValueError, MemoryError):
    """The weights of all queries and keys need more memory than there is."""


def check_weights(queries: Array, keys: Array, instead: str) -> None:
    """Raise WeightsTooLarge, in one line that ends with `instead`, where (m, n) cannot fit."""
    m, n = len(queries), len(keys)
    needed = m * n * queries.dtype.itemsize
    if needed <= SMALL or getattr(queries, "is_cuda", False):
        return
    if needed > (free := free_bytes()):
        raise WeightsTooLarge(
            f"queries has length {m} and keys has length {n}: their weights need "
            f"{needed / 1e9:,.0f} GB, and {free / 1e9:,.1f} GB are free; {instead}"
        )


def free_bytes() -> float:
    """The memory that is free, in bytes; inf where the system does not say."""
    try:
        import psutil
    except ImportError:
        if not LINUX.exists():
            return float("inf")
        known = dict(line.split(":") for line in LINUX.read_text().splitlines())
        return 1024 * int(known["MemAvailable"].split()[0])
    return psutil.virtual_memory().available
