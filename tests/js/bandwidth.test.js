// Properties of the errors of a bandwidth. Agreement with Python is in tests/explorers/test_widget_bandwidth.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCurves, errorsAtKeys, errorsAtQueries, lowest, readCurve, sigmaGrid } from "../../d2lmini/widgets/js/errors.js";
import { KERNEL_NAMES, drawSample, nadarayaWatson, TRUTHS } from "../../d2lmini/widgets/js/maths.js";

const truthAt = TRUTHS.sine_linear;
const { keys, values } = drawSample("sine_linear", 30, 1, [0, 5], 4);
const queries = Array.from({ length: 50 }, (_, j) => j / 10);
const data = { queries, truth: queries.map(truthAt), keys, values, signal: keys.map(truthAt), noiseSd: 1 };
/** @param {number} a @param {number} b */
const near = (a, b, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} ${b}`);
/** @param {number[]} numbers */
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

for (const kernel of KERNEL_NAMES) {
  test(`${kernel}: left out is the estimate from the others, left in that from all`, () => {
    for (const sigma of [1e-300, 0.02, 0.3, 1.5, 1e300]) {
      const { leaveOneOut, training } = errorsAtKeys(keys, values, kernel, sigma);
      const squares = keys.map((key, i) => {
        const rest = (/** @type {number[]} */ numbers) => numbers.filter((_, j) => j !== i);
        return (nadarayaWatson([key], rest(keys), rest(values), kernel, sigma).estimates[0] - values[i]) ** 2;
      });
      const gap = squares.some(Number.isNaN);
      if (gap) assert.equal(leaveOneOut, Infinity);
      else near(leaveOneOut, mean(squares));
      const { estimates } = nadarayaWatson(keys, keys, values, kernel, sigma);
      near(training, mean(values.map((value, i) => (value - estimates[i]) ** 2)));
    }
  });
}

test("one point has nothing to be left out of", () => {
  assert.deepEqual(errorsAtKeys([1], [3], "gaussian", 1), { leaveOneOut: Infinity, training: 0 });
});

test("without noise the error is the squared bias; the variance grows with the noise", () => {
  const clean = errorsAtQueries({ ...data, values: data.signal, noiseSd: 0 }, "gaussian", 0.4);
  near(clean.error, clean.squaredBias);
  assert.equal(clean.variance, 0);
  const one = errorsAtQueries(data, "gaussian", 0.4);
  const three = errorsAtQueries({ ...data, noiseSd: 3 }, "gaussian", 0.4);
  near(one.squaredBias, clean.squaredBias);
  near(three.variance, 9 * one.variance);
});

test("bias and variance add up to the error over redrawn noise", () => {
  const { squaredBias, variance } = errorsAtQueries(data, "gaussian", 0.4);
  const errors = Array.from({ length: 400 }, (_, seed) => {
    const noise = drawSample("sine_linear", 30, 1, [0, 5], seed);
    const noisy = data.signal.map((f, i) => f + noise.values[i] - truthAt(noise.keys[i]));
    return errorsAtQueries({ ...data, values: noisy }, "gaussian", 0.4).error;
  });
  const spread = Math.sqrt(mean(errors.map((e) => (e - mean(errors)) ** 2)) / errors.length);
  assert.ok(Math.abs(mean(errors) - squaredBias - variance) < 4 * spread);
});

test("a query without a key is counted and leaves no average", () => {
  const { error, squaredBias, variance, gaps } = errorsAtQueries(data, "boxcar", 0.02);
  assert.ok(gaps > 0 && gaps < queries.length);
  assert.ok([error, squaredBias, variance].every(Number.isNaN));
});

test("the grid of sigmas is even in the exponent and keeps both ends", () => {
  const sigmas = sigmaGrid([10 ** -1.52, 10]);
  assert.equal(sigmas.length, 127);
  near(sigmas[0], 10 ** -1.52);
  near(sigmas[126], 10);
  sigmas.forEach((sigma, i) => near(100 * Math.log10(sigma), -152 + 2 * i, 1e-9)); // where the slider can stand
});

test("the curves are the errors at each sigma, the best where they are smallest", () => {
  const curves = errorCurves(data, "epanechnikov", [0.1, 0.9, 1.1, 5]);
  curves.sigmas.forEach((sigma, i) => {
    const { leaveOneOut, training } = errorsAtKeys(keys, values, "epanechnikov", sigma);
    const { error } = errorsAtQueries(data, "epanechnikov", sigma);
    assert.deepEqual([curves.leaveOneOut[i], curves.error[i]], [Number.isFinite(leaveOneOut) ? leaveOneOut : NaN, error]);
    assert.equal(curves.training[i], training);
  });
  assert.ok(Number.isNaN(curves.leaveOneOut[0]));
  for (const name of /** @type {const} */ (["leaveOneOut", "error"])) {
    const smallest = Math.min(...curves[name].filter((x) => !Number.isNaN(x)));
    assert.equal(curves[name][curves.best[name]], smallest);
  }
});

test("the lowest is the first of equals; NaN does not count", () => {
  assert.equal(lowest([NaN, 3, 1, 1, 2]), 2);
  assert.equal(lowest([NaN, Infinity]), -1);
  assert.equal(lowest([]), -1);
});

test("a curve is read off between its points, over log sigma, and kept at its ends", () => {
  const sigmas = [0.1, 1, 10];
  assert.deepEqual([0.1, 1, 10, 1e3, 1e-3].map((sigma) => readCurve(sigmas, [5, 1, 3], sigma)), [5, 1, 3, 3, 5]);
  near(readCurve(sigmas, [5, 1, 3], Math.sqrt(10)), 2);
});
