"""The kernels of chapter 3 against formulas in plain Python, numerical integrals, and torch."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from d2lmini import KERNELS, Kernel
from tests.core.formulas import COMPACT, FORMULAS

SDS = {"gaussian": 1, "boxcar": 0.577, "triangular": 0.408, "epanechnikov": 0.447,
       "tricube": 0.379, "laplace": 1.414}  # fmt: skip
BELOW, ABOVE = math.nextafter(1, 0), math.nextafter(1, 2)
POINTS = [0, 1e-300, 1e-9, 0.25, 0.5, 0.9, 0.999999, BELOW, 1, ABOVE, 1.5, 2.5, 10, 30]


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_and_score_at_points(name):
    kernel, expected = KERNELS[name], [FORMULAS[name](u) for u in POINTS]
    np.testing.assert_allclose(kernel(np.array(POINTS)), expected, rtol=1e-12, atol=1e-15)
    with np.errstate(divide="ignore"):
        scores = kernel.score(np.array(POINTS))
    kept = np.array(expected) > 1e-8
    np.testing.assert_allclose(
        scores[kept], np.log(np.array(expected)[kept]), rtol=1e-9, atol=1e-12
    )
    assert (scores == -np.inf).tolist() == [e == 0 for e in expected]


def test_names_and_order():
    assert list(KERNELS) == list(FORMULAS)
    assert [kernel.name for kernel in KERNELS.values()] == list(KERNELS)


@pytest.mark.parametrize("name", KERNELS)
def test_support(name):
    kernel = KERNELS[name]
    assert kernel.support == (1.0 if name in COMPACT else math.inf)
    assert (kernel(1.0 + 1e-9) == 0) == (name in COMPACT)
    assert kernel(BELOW) > 0


def test_the_boxcar_is_closed_and_the_others_are_open():
    assert [name for name in COMPACT if float(KERNELS[name](1.0)) > 0] == ["boxcar"]


@pytest.mark.parametrize("name", SDS)
def test_sd_is_that_of_the_density(name):
    u = (np.arange(40_000) + 0.5) / 1000  # midpoints on (0, 40)
    shape = np.array([FORMULAS[name](x) for x in u])
    sd = math.sqrt((u**2 * shape).sum() / shape.sum())
    assert KERNELS[name].sd == pytest.approx(sd, rel=1e-5)
    assert KERNELS[name].sd == pytest.approx(SDS[name], abs=6e-4)


def test_the_constant_kernel_has_no_sd():
    assert KERNELS["constant"].sd is None


@pytest.mark.parametrize("name, theirs", [
    ("gaussian", "gaussian"), ("boxcar", "tophat"), ("triangular", "linear"),
    ("epanechnikov", "epanechnikov"), ("laplace", "exponential"),
])  # fmt: skip
def test_same_shape_as_scikit_learn(name, theirs):
    u = np.array([0.0, 0.3, 0.7, 0.99, 1.4])
    density = KernelDensity(kernel=theirs, bandwidth=1.0).fit([[0.0]])
    ours = KERNELS[name](u)
    with np.errstate(divide="ignore"):
        reference = np.exp(density.score_samples(u[:, None]))
    np.testing.assert_allclose(ours / ours[0], reference / reference[0], rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_torch_numpy_and_numbers_agree(name):
    kernel, u = KERNELS[name], np.array(POINTS)
    ours = kernel(torch.tensor(u))
    assert isinstance(ours, torch.Tensor)
    np.testing.assert_allclose(ours.numpy(), kernel(u), rtol=1e-12, atol=1e-300)
    assert float(kernel(0.5)) == pytest.approx(FORMULAS[name](0.5), rel=1e-14)
    assert kernel(np.array([0, 1, 2])).dtype == np.float64
    assert kernel(torch.tensor([0, 1, 2])).dtype == torch.float32


@pytest.mark.parametrize("name", KERNELS)
def test_float32_stays_float32(name):
    u = np.linspace(0, 2, 9, dtype=np.float32)
    assert KERNELS[name](u).dtype == KERNELS[name].score(u).dtype == np.float32
    assert KERNELS[name](torch.tensor(u)).dtype == torch.float32


@pytest.mark.parametrize("name", KERNELS)
def test_even_and_silent(name):
    u = np.array([0.2, 0.9, 1.0, 7.0, 1e200, 1.7e308])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(KERNELS[name](-u), KERNELS[name](u))


@pytest.mark.parametrize("name", KERNELS)
def test_gradients_of_scores_are_never_nan(name):
    u = torch.tensor([0.0, 0.5, 1.0, 2.0, 1e308], dtype=torch.float64, requires_grad=True)
    scores = KERNELS[name].score(u)
    scores[torch.isfinite(scores)].sum().backward()
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
def test_log_ratio_is_the_difference_of_scores(name):
    kernel = KERNELS[name]
    u, t = np.array([3.0, 0.5, 7.25]), np.array([1.0, 0.25, 7.0])
    np.testing.assert_allclose(
        kernel.log_ratio(u - t, (u + t) / 2), kernel.score(u) - kernel.score(t)
    )


def test_a_kernel_of_ones_own():
    cauchy = Kernel("cauchy", lambda u: -np.log1p(u * u), math.inf, None, r"1/(1+u^2)")
    assert cauchy(2.0) == pytest.approx(0.2)
    with pytest.raises(AttributeError):
        cauchy.name = "other"


def test_the_representation_is_stable():
    assert (
        repr(KERNELS["boxcar"]) == r"Kernel('boxcar', support=1, K(u) = \mathbf{1}\{|u| \leq 1\})"
    )


@pytest.mark.parametrize("name", KERNELS)
def test_formulas_are_mathematics_that_matplotlib_can_set(name):
    from matplotlib.mathtext import MathTextParser

    MathTextParser("path").parse(f"${KERNELS[name].formula}$")
