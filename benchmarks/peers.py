"""What others offer for the smoother's estimates, each as its documentation says.

A peer is a function of a Problem that prepares what need not be timed and returns the call to time,
whose result are the estimates at the first queries, all of them unless said. ``install`` fetches
the peers that the book does not use into a folder of their own, .venv-peers.
"""

import contextlib
import functools
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from d2lmini import data, select_bandwidth
from d2lmini.bandwidth import bandwidth_grid
from d2lmini.smoothing import kernel_smooth
from tools import ROOT

REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
FOLDER = ROOT / ".venv-peers"
#: statsmodels takes the queries one by one: so many are timed.
FEW = 1000
SIGMAS = 50


def install() -> None:
    """Put the pinned peers into FOLDER, unless they are there; say so if that cannot be done."""
    stamp, wanted = FOLDER / ".installed", REQUIREMENTS.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"Installing the benchmark's own peers into {FOLDER.name}", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--no-deps", "--upgrade", "--target", str(FOLDER), "-r", str(REQUIREMENTS)]
        if subprocess.run(pip).returncode:
            print("  pip could not install them; their rows will say so", flush=True)
            return
        stamp.write_text(wanted, encoding="utf-8")


def use_folder() -> None:
    """Let this process import from FOLDER what .venv does not have."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
        # KeOps compiles with another Python, which must find pybind11.
        paths = [os.environ.get("PYTHONPATH"), str(FOLDER)]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        os.environ["KEOPS_CACHE_FOLDER"] = str(FOLDER / "keops")


@dataclass(frozen=True)
class Problem:
    """Estimates wanted at queries (m,) from keys (n,) and values (n,)."""

    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    sigma: float = 0.1

    @classmethod
    def of(cls, n: int, gap: bool = False) -> "Problem":
        """2 sin x + x + e on (0, 5), as in chapters 3 and 4; n queries, in no order.

        With a gap, no key lies between 2 and 4, but queries do.
        """
        sample = data.sine_linear(n)
        near = (sample.keys < 2) | (sample.keys > 4) | (not gap)
        queries = np.random.default_rng(1).uniform(0, 5, n)
        return cls(queries, sample.keys[near], sample.values[near])


Call = Callable[[], np.ndarray | float]


@dataclass(frozen=True)
class Peer:
    """prepare makes the call, which does `share` of the whole work; needs is a module's name.

    required is how many times the first of its group must be faster; builds says that it compiles
    at first use, which can fail; gap that the keys have one.
    """

    prepare: Callable[[Problem], Call]
    needs: str = "numpy"
    share: float = 1.0
    note: str = ""
    required: float | None = None
    builds: bool = False
    gap: bool = False
    kernel: str = "gaussian"

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.needs) is not None


# Ours --------------------------------------------------------------------------------------------


def ours(problem: Problem, kernel: str = "gaussian") -> Call:
    at = problem.queries, problem.keys, problem.values
    return lambda: kernel_smooth(*at, kernel=kernel, sigma=problem.sigma)


def our_choice(problem: Problem) -> Call:
    sigmas = bandwidth_grid(problem.keys, count=SIGMAS)
    return lambda: select_bandwidth(problem.keys, problem.values, sigmas=sigmas)


# Theirs ------------------------------------------------------------------------------------------


def kernel_reg(problem: Problem) -> Call:
    """statsmodels, local constant."""
    from statsmodels.nonparametric.kernel_regression import KernelReg

    fit = KernelReg(problem.values, problem.keys, "c", reg_type="lc", bw=[problem.sigma]).fit
    return lambda: fit(problem.queries[:FEW])[0]


def cv_loo(problem: Problem) -> Call:
    """statsmodels, what its cv_ls minimises, once."""
    from statsmodels.nonparametric.kernel_regression import KernelReg

    model = KernelReg(problem.values, problem.keys, "c", reg_type="lc", bw=[problem.sigma])
    bw, estimate = np.array([problem.sigma]), model.est["lc"]
    return lambda: float(np.squeeze(model.cv_loo(bw, estimate)))


def rbf_kernel(problem: Problem) -> Call:
    """scikit-learn, all weights, their rows divided by their sums."""
    from sklearn.metrics.pairwise import rbf_kernel

    queries, keys = problem.queries[:, None], problem.keys[:, None]

    def call() -> np.ndarray:
        weights = rbf_kernel(queries, keys, gamma=1 / (2 * problem.sigma**2))
        return weights @ problem.values / weights.sum(1)

    return call


def naive_torch(problem: Problem) -> Call:
    """torch in float32, softmax of all scores."""
    import torch

    at = problem.queries, problem.keys, problem.values
    queries, keys, values = (torch.from_numpy(each).float() for each in at)

    def call() -> np.ndarray:
        scores = -(((queries[:, None] - keys) / problem.sigma) ** 2) / 2
        return (torch.softmax(scores, 1) @ values).numpy()

    return call


def augmented(problem: Problem) -> Call:
    """scaled_dot_product_attention: q k - k^2 / 2 is the Gaussian's score but for a constant.

    Keys are centred and k^2 is computed in float64, or float32 would lose more digits.
    """
    import torch

    middle = problem.keys.mean()
    q, k = ((each - middle) / problem.sigma for each in (problem.queries, problem.keys))
    wide = [np.stack([q, np.ones_like(q)], 1), np.stack([k, -(k**2) / 2], 1)]
    wide.append(np.stack([problem.values, np.zeros_like(k)], 1))
    queries, keys, values = (torch.from_numpy(each).float()[None, None] for each in wide)
    attention = torch.nn.functional.scaled_dot_product_attention
    return lambda: attention(queries, keys, values, scale=1.0)[0, 0, :, 0].numpy()


def keops(problem: Problem) -> Call:
    """PyKeOps: all pairs, streamed, in compiled C++ on every core; float64."""
    with contextlib.redirect_stdout(io.StringIO()):
        import pykeops
        from pykeops.numpy import LazyTensor
    pykeops.set_verbose(False)
    queries = LazyTensor(problem.queries[:, None, None])
    keys, values = (LazyTensor(each[None, :, None]) for each in (problem.keys, problem.values))
    scores = -((queries - keys) / problem.sigma).square().sum(-1) / 2
    return lambda: scores.sumsoftmaxweight(values, axis=1, backend="CPU")[:, 0]


def fft_ratio(problem: Problem) -> Call:
    """KDEpy: two densities on a grid by FFT, one weighted by the values; their ratio, interpolated.

    Weights must be positive, so the values are moved there and back.
    """
    from KDEpy import FFTKDE

    edge, low = 5 * problem.sigma, problem.values.min() - 1
    weights = problem.values - low

    def call() -> np.ndarray:
        grid = np.linspace(problem.keys.min() - edge, problem.keys.max() + edge, 2**12)
        below = FFTKDE(bw=problem.sigma).fit(problem.keys).evaluate(grid)
        above = FFTKDE(bw=problem.sigma).fit(problem.keys, weights=weights).evaluate(grid)
        return np.interp(problem.queries, grid, above / below * weights.mean() + low)

    return call


A_SHARE = f"{FEW} queries timed, scaled to all"
GRID = "a grid of 4096, interpolated"
#: By name, in groups that are timed in turns; the first of each is ours.
AT_ONCE = {
    "kernel_smooth": Peer(ours),
    "statsmodels KernelReg": Peer(kernel_reg, "statsmodels", FEW / 10**4, A_SHARE, 100),
    "scikit-learn rbf_kernel, rows normalised": Peer(rbf_kernel, "sklearn"),
    "torch float32, softmax of all scores": Peer(naive_torch, "torch"),
    "torch SDPA float32, augmented keys": Peer(augmented, "torch"),
    "PyKeOps float64 on the CPU": Peer(keops, "pykeops", builds=True),
    "KDEpy FFTKDE, a ratio of two": Peer(fft_ratio, "KDEpy", note=GRID),
}
WITH_GAP = {
    "kernel_smooth, keys with a gap of 20 σ": Peer(ours, gap=True),
    "KDEpy FFTKDE, the same gap": Peer(fft_ratio, "KDEpy", note=GRID, gap=True),
}
ONE_EACH = f"one evaluation timed, times {SIGMAS}"
LEAVE_ONE_OUT = {
    f"select_bandwidth, {SIGMAS} σ": Peer(our_choice),
    f"statsmodels cv_loo, {SIGMAS} σ": Peer(cv_loo, "statsmodels", 1 / SIGMAS, ONE_EACH, 500),
}
SIZES = {
    f"kernel_smooth, {kernel}": Peer(functools.partial(ours, kernel=kernel), kernel=kernel)
    for kernel in ("gaussian", "epanechnikov")
}
ALL = AT_ONCE | WITH_GAP | LEAVE_ONE_OUT | SIZES
#: Those whose memory Python can trace on every system.
OURS = {name for group in (AT_ONCE, WITH_GAP, LEAVE_ONE_OUT) for name in list(group)[:1]} | {*SIZES}
