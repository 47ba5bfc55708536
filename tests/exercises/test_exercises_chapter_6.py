"""Chapter 6's exercises: wrong answers get the message meant for them, right ones pass."""

import numpy as np
import pytest

from d2lmini import bandwidth, data, learning
from d2lmini.attention import nadaraya_watson
from d2lmini.exercise_checks import EXERCISES, chapter_6, judge

torch = pytest.importorskip("torch")
nn = torch.nn
SAMPLE = data.sine_power(seed=chapter_6.SEED)
#: The numbers are those that the worked solutions print; the tests below hold them against others.
CLAIMS = {
    "a": (True, 0.00406),
    "b": (False, 2.3676),
    "c": (True, 3.526),
    "d": (False, 2 / 3),
    "e": (False, 0.4129),
    "f": (True, 0.9596),
    "g": (False, 1.0),
}
_W, _BEFORE, _AFTER = chapter_6._learned()
LEARNED = {"w": _W, "keys_before": _BEFORE, "keys_after": _AFTER}
LEARNED |= {"a": (True, 2.47), "b": (False, 0.27), "c": (True, 49.8)}
LEARNED |= {"d": (False, 0), "e": (True, 0.914), "f": (False, 5.83)}


pytestmark = pytest.mark.usefixtures("one_thread")


def slope(keys, values, sigma, power=2, sign=1, leave_in=False, centred=True, factor=2.0):
    """The slope with a loop over the points, and with what can go wrong."""
    total = 0.0
    for i in range(len(keys)):
        others = [j for j in range(len(keys)) if leave_in or j != i]
        squared = np.array([(keys[i] - keys[j]) ** 2 for j in others])
        kernel = np.exp(-squared / 2 / sigma**2)
        alpha, y = kernel / kernel.sum(), values[others]
        centre = alpha @ squared if centred else 0.0
        total += (alpha @ y - values[i]) * (alpha * (squared - centre)) @ y / sigma**power
    return sign * factor * total / len(keys)


def walk(keys, values, sigma, steps, step_size, clear=True, **wrong):
    """Gradient descent in log sigma with torch, and with what can go wrong."""
    log_sigma = torch.tensor(np.log(sigma), requires_grad=True)
    x, y = torch.as_tensor(keys), torch.as_tensor(values)
    path = [sigma]
    for _ in range(steps):
        scores = -((x[:, None] - x) ** 2) / (2 * torch.exp(2 * log_sigma))
        if not wrong.get("leave_in"):
            scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)
        errors = (torch.softmax(scores, 1) @ y - y) ** 2
        (errors.sum() if wrong.get("summed") else errors.mean()).backward()
        with torch.no_grad():
            log_sigma += (1 if wrong.get("uphill") else -1) * step_size * log_sigma.grad
        if clear:
            log_sigma.grad = None
        path.append(log_sigma.exp().item())
    return np.array(path)


def walk_in_sigma(keys, values, sigma, steps, step_size):
    path = [sigma]
    for _ in range(steps):
        path.append(path[-1] - step_size * slope(keys, values, path[-1], power=3))
    return np.array(path)


def walk_in_w(keys, values, sigma, steps, step_size):
    model = learning.NWKernelRegression(1 / sigma)
    return 1 / learning.fit(model, keys, values, steps, step_size).w


class Mixture(nn.Module):
    """Right, and unlike the solution: two windows, a learned share; float32 parameters."""

    step_size = 1.0

    def __init__(self):
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor([-1.0, 1.0]))
        self.share = nn.Parameter(torch.tensor(0.0))

    def weights(self, queries, keys):
        squared = (queries[:, None] - keys) ** 2
        narrow, wide = (torch.softmax(-squared / 2 * torch.exp(-2 * s), -1) for s in self.log_sigma)
        share = torch.sigmoid(self.share)
        return share * narrow + (1 - share) * wide

    def forward(self, queries, keys, values):
        return (self.weights(queries, keys) * values).sum(-1)


class Tilted(Mixture):
    """Right: weights may be negative; the share is free."""

    def weights(self, queries, keys):
        squared = (queries[:, None] - keys) ** 2
        narrow, wide = (torch.softmax(-squared / 2 * torch.exp(-2 * s), -1) for s in self.log_sigma)
        return (1 + self.share) * narrow - self.share * wide


class NotNormalised(Mixture):
    def forward(self, queries, keys, values):
        return 0.5 * super().forward(queries, keys, values)


class ByPlace(Mixture):
    def weights(self, queries, keys):
        scores = super().weights(queries, keys).log()
        return torch.softmax(scores + 0.1 * torch.arange(scores.shape[-1]), -1)


class CutOff(Mixture):
    def forward(self, queries, keys, values):
        return super().forward(queries, keys, values).detach()


class EmptyHanded(nn.Module):
    def forward(self, queries, keys, values):
        weights = torch.softmax(-((queries[:, None] - keys) ** 2), -1)
        return (weights * values).sum(-1)


class Outer(Mixture):
    def forward(self, queries, keys, values):
        return super().forward(queries, keys, values)[:, None]


class Far(Mixture):
    step_size = 1e-3


class Idle(Mixture):
    def __init__(self):
        super().__init__()
        self.idle = nn.Parameter(torch.tensor(1.0))

    def forward(self, queries, keys, values):
        return super().forward(queries, keys, values) + 0 * self.idle


class Unused(Mixture):
    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.tensor(1.0))


class Plain(Mixture):
    def weights(self, queries, keys):
        return super().weights(0 * queries, 0 * keys)


class Leaping(Mixture):
    step_size = 1e6


class Stub(nn.Module):
    def forward(self, queries, keys, values): ...


class AsArray(Mixture):
    def forward(self, queries, keys, values):
        return super().forward(queries, keys, values).detach().numpy()


WRONG = {
    "batched_averages": [
        (lambda weights, values: (weights[:, None] @ values[:, :, None]).squeeze(), "squeeze"),
        (lambda weights, values: weights[:, :, None] @ values[:, None], r"\(n, m, m\)"),
        (lambda weights, values: weights @ values.T, r"\(n, n\).*query i only"),
        (lambda weights, values: torch.einsum("nm,nm->m", weights, values), "axis 0"),
        (lambda weights, values: (weights * values).mean(-1), "factor m"),
        (lambda weights, values: values.mean(-1), "plain mean"),
        (lambda weights, values: weights[:, None] @ values[:, :, None], "still"),
    ],
    "loss_slope": [
        (lambda **case: slope(**case, sign=-1), "sign"),
        (lambda keys, values, sigma: slope(keys, values, sigma, power=1, sign=-1), "to w"),
        (lambda **case: slope(**case, power=3), "respect to σ"),
        (lambda **case: slope(**case, power=0), "before d²"),
        (lambda **case: slope(**case, centred=False), "not centred"),
        (lambda **case: slope(**case, leave_in=True), "leave-in"),
        (lambda keys, values, sigma: slope(keys, values, sigma, factor=2.0 * len(keys)), "summed"),
        (lambda **case: slope(**case, factor=1.0), "Half"),
    ],
    "learn_sigma": [
        (lambda **case: walk(**case, leave_in=True), "votes on itself"),
        (walk_in_sigma, "in σ itself"),
        (walk_in_w, "in w = 1/σ"),
        (lambda **case: walk(**case, uphill=True), "uphill"),
        (lambda **case: walk(**case, summed=True), "n times too long"),
        (lambda **case: walk(**case, clear=False), "Clear it"),
        (lambda **case: np.log(walk(**case)), "values of log σ"),
        (lambda **case: 1 / walk(**case), "values of w"),
        (lambda **case: walk(**case)[1:], "start is missing"),
        (lambda **case: [case["sigma"], *walk(**case)[:-1]], "stands there twice"),
        (lambda **case: walk(**case)[-1], "one number"),
    ],
    "why_leave_one_out": [
        (CLAIMS | {"b": (True, 2.3676)}, "1 of the 7.*very small"),
        (CLAIMS | {"e": (True, 0.4129), "f": (False, 0.9596)}, "2 of the 7"),
        ({k: (not true, x) for k, (true, x) in CLAIMS.items()}, "7 of the 7"),
        (CLAIMS | {"d": (True, 0.0)}, "d: 0 is not the number"),
        (CLAIMS | {"e": (True, 0.0)}, "e: 0 is not the number"),
        (CLAIMS | {"a": ...}, "Still open: a"),
    ],
    "learned_w": [
        (LEARNED | {"w": 1 / _W}, "learned σ"),
        (LEARNED | {"w": 77.4}, "plain"),
        (LEARNED | {"w": 3.49}, "come to rest"),
        (LEARNED | {"keys_after": 1 / _AFTER}, "at least 1"),
        (LEARNED | {"keys_before": 50.0}, "keys_before is 50, which is too large"),
        (LEARNED | {"keys_before": _AFTER}, "number after training"),
        (LEARNED | {"keys_after": 49.7}, "should narrow the window"),
        (LEARNED | {"w": np.linspace(1, _W, 101)}, "must be numbers, one each"),
        (LEARNED | {"keys_after": np.full(50, _AFTER)}, "must be numbers, one each"),
        (LEARNED | {"b": (True, 0.27)}, "1 of the 6"),
        (LEARNED | {"c": (True, 1 / 49.8)}, "c: .*mean variance there"),
        (LEARNED | {"b": True}, "put a pair"),
        (LEARNED | {"w": ...}, "Still open: w"),
    ],
    "own_pooling": [
        (learning.NWLogBandwidth, "Gaussian smoother with w = 4.9"),
        (NotNormalised, "sum to 1"),
        (ByPlace, "opposite order"),
        (CutOff, "cut off"),
        (EmptyHanded, "no parameters"),
        (Outer, r"gives shape \(1, 1\); it must be \(1,\)"),
        (Far, "at most"),
        (Idle, "idle has not moved"),
        (Unused, "no part in the estimates"),
        (Plain, "plain mean everywhere"),
        (Leaping, "must make it smaller|finite numbers"),
        (Mixture(), "without brackets"),
        (lambda: 3, "type int"),
        (lambda sigma: Mixture(), "missing a required argument: 'sigma'.*default"),
        (AsArray, "must give a tensor"),
        (Stub, "Nothing comes back"),
    ],
}
RIGHT = {
    "batched_averages": [
        lambda weights, values: torch.stack([w @ v for w, v in zip(weights, values, strict=True)]),
        lambda weights, values: np.array([float(w @ v) for w, v in zip(weights, values)]),  # noqa: B905
    ],
    "loss_slope": [slope, lambda **case: float(np.float32(slope(**case)) * (1 + 5e-6))],
    "learn_sigma": [walk, lambda **case: list(walk(**case))],
    "why_leave_one_out": [CLAIMS],
    "learned_w": [
        LEARNED,
        LEARNED | {"w": -_W},
        LEARNED | {"w": 1 / bandwidth.select_bandwidth(SAMPLE.keys, SAMPLE.values)},
    ],
    "own_pooling": [Mixture, Tilted, lambda: Mixture().double()],
}


def test_the_claims_about_the_leave_in_loss_are_facts():
    """By brute force, with a loop over points and the plain formula."""

    def losses(keys, values, sigma):
        inside, outside = [], []
        for i, x in enumerate(keys):
            kernel = np.exp(-((x - keys) ** 2) / 2 / sigma**2)
            inside.append(kernel @ values / kernel.sum() - values[i])
            rest = np.delete(kernel, i)
            outside.append(rest @ np.delete(values, i) / rest.sum() - values[i])
        return np.square(inside), np.square(outside)

    rng = np.random.default_rng(0)
    for _ in range(20):
        gaps = rng.permutation(np.arange(1, 3.4, 0.3))  # no two neighbours equally near
        keys, values = np.concatenate([[0], np.cumsum(gaps)]), rng.normal(size=9)
        for sigma in (0.3, 0.5, 1, 3, 10):
            inside, outside = losses(keys, values, sigma)
            assert (inside <= outside).all()  # f
            assert inside.sum() > 0  # b
        gaps = np.abs(keys[:, None] - keys) + 99 * np.eye(9)
        limit = (values - values[gaps.argmin(1)]) ** 2
        inside, outside = losses(keys, values, 0.15)
        assert inside.max() < 1e-6  # a
        np.testing.assert_allclose(outside, limit, atol=0.05)  # e
        assert outside.mean() > 1e-3
    tie = np.array([0.0, 0.0, 1.0]), np.array([1.0, 3.0, 5.0])
    np.testing.assert_allclose(losses(*tie, 0.05)[0], [1, 1, 0])  # d
    keys, values = SAMPLE.keys, SAMPLE.values
    inside, outside = losses(keys, values, 0.03)
    raised = values + np.eye(len(values))[3]
    np.testing.assert_allclose(inside.mean(), bandwidth.training_error(keys, values, 0.03))
    one = np.sqrt([losses(keys, v, 0.3)[1][3] for v in (values, raised)])
    assert any(np.isclose(abs(one[0] + sign * one[1]), 1) for sign in (-1, 1))  # g
    ratios = [np.divide(*(x.mean() for x in losses(keys, values, s))) for s in (0.05, 1, 10)]
    assert np.isclose(max(ratios), CLAIMS["f"][1], rtol=1e-3)
    at_2 = [losses(keys, values, s)[0].mean() for s in (0.1, 0.05)]
    assert np.isclose(at_2[0] / at_2[1], CLAIMS["b"][1], rtol=1e-3)
    assert np.isclose(losses(keys, values, 0.01)[0].mean(), CLAIMS["a"][1], rtol=1e-2)


def test_the_claims_about_the_learned_w_are_facts():
    grid = np.geomspace(1, 20, 300)
    at = SAMPLE.queries, SAMPLE.keys, SAMPLE.values
    fits = np.array([nadaraya_watson(*at, sigma=1 / w)[0] for w in grid])
    errors = np.mean((fits - SAMPLE.truth) ** 2, axis=1)
    ours = np.mean((nadaraya_watson(*at, sigma=1 / _W)[0] - SAMPLE.truth) ** 2)
    assert ours > 1.02 * errors.min()  # f
    assert np.isclose(grid[errors.argmin()], LEARNED["f"][1], rtol=1e-2)
    truth = nadaraya_watson(SAMPLE.queries, SAMPLE.keys, SAMPLE.f(SAMPLE.keys))  # no noise
    bias = np.mean((truth[0] - SAMPLE.truth) ** 2)
    ratio = bias / np.mean(0.25 * np.sum(truth[1] ** 2, axis=1))  # c
    assert np.isclose(ratio, LEARNED["c"][1], rtol=1e-2)
    quiet, loud = (
        np.median(
            [
                1 / bandwidth.select_bandwidth(noisy.keys, noisy.values)
                for noisy in (data.sine_power(noise_sd=noise_sd, seed=s) for s in range(20))
            ]
        )
        for noise_sd in (0.5, 3.0)
    )
    assert loud < quiet  # e


def test_checking_a_pooling_is_repeatable():
    messages = {judge(EXERCISES["own_pooling"], Far).message for _ in range(2)}
    assert len(messages) == 1
