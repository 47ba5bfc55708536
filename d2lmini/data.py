"""The course's data sets: seeded, sorted by key, with the truth beside them.

Every data set is y = f(x) + e with e normal and independent; only f, the range of x and the
queries differ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arguments import not_negative, whole


@dataclass(frozen=True, eq=False)
class Sample:
    """A drawn data set.

    keys (n,) ascending, values (n,), queries (m,), truth (m,) = f(queries); ``noise_sd`` is the
    standard deviation of the noise, ``domain`` the range of the keys, ``f`` the noise-free
    function. float64 throughout.
    """

    name: str
    keys: np.ndarray
    values: np.ndarray
    queries: np.ndarray
    truth: np.ndarray
    noise_sd: float
    domain: tuple[float, float]
    f: Callable[[np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        sizes = f"n={len(self.keys)}, m={len(self.queries)}"
        return f"Sample({self.name!r}, {sizes}, noise_sd={self.noise_sd:g})"


def sine_power(n: int = 50, noise_sd: float = 0.5, seed: int = 0) -> Sample:
    """y = 2 sin x + x^0.8 + e, x uniform on (0, 5); queries 0, 0.1, ..., 4.9.

    Errors: ValueError naming n, noise_sd or seed. Chapters 1 and 2.
    """
    return _draw("sine_power", _two_sin_plus_power, 5.0, np.arange(50) / 10, n, noise_sd, seed)


def sine(n: int = 40, noise_sd: float = 1.0, seed: int = 0) -> Sample:
    """y = 2 sin x + e, x uniform on (0, 6); 500 queries from 0 to 6.

    Errors: ValueError naming n, noise_sd or seed. Chapter 2, nearest neighbours.
    """
    return _draw("sine", _two_sin, 6.0, np.linspace(0, 6, 500), n, noise_sd, seed)


def sine_linear(n: int = 40, noise_sd: float = 1.0, seed: int = 0) -> Sample:
    """y = 2 sin x + x + e, x uniform on (0, 5); queries 0, 0.1, ..., 4.9.

    Errors: ValueError naming n, noise_sd or seed. Chapters 3 and 4.
    """
    return _draw("sine_linear", _two_sin_plus_x, 5.0, np.arange(50) / 10, n, noise_sd, seed)


def _two_sin_plus_power(x: np.ndarray) -> np.ndarray:
    return 2 * np.sin(x) + x**0.8


def _two_sin(x: np.ndarray) -> np.ndarray:
    return 2 * np.sin(x)


def _two_sin_plus_x(x: np.ndarray) -> np.ndarray:
    return 2 * np.sin(x) + x


def _draw(
    name: str,
    f: Callable[[np.ndarray], np.ndarray],
    end: float,
    queries: np.ndarray,
    n: int,
    noise_sd: float,
    seed: int,
) -> Sample:
    n, seed = whole("n", n, least=1), whole("seed", seed)
    noise_sd = not_negative("noise_sd", noise_sd)
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.uniform(0, end, n))
    values = f(keys) + rng.normal(0, noise_sd, n)
    return Sample(name, keys, values, queries, f(queries), noise_sd, (0.0, end), f)
