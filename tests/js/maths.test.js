// Properties of the explorers' mathematics. Agreement with Python is in tests/js/test_js.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as maths from "../../d2lmini/widgets/js/maths.js";

const { KERNELS, KERNEL_NAMES, attentionWeights, drawSample, effectiveNumber, nadarayaWatson, pool } = maths;
const keys = [0.1, 0.4, 1.1, 1.15, 2.9, 4.2];
const values = [1, -2, 3, 0.5, 4, 2];
/** @param {Float64Array | number[]} numbers */
const sum = (numbers) => Array.from(numbers).reduce((a, b) => a + b, 0);

for (const kernel of KERNEL_NAMES) {
  test(`${kernel}: weights are a probability distribution or all zero`, () => {
    for (const sigma of [0.01, 0.3, 1, 50]) {
      for (const query of [-3, 0.1, 1.12, 9]) {
        const weights = attentionWeights(query, keys, kernel, sigma);
        const total = sum(weights);
        assert.ok(weights.every((w) => w >= 0 && w <= 1));
        assert.ok(total === 0 || Math.abs(total - 1) < 1e-12, `${kernel} ${sigma} ${query}: ${total}`);
        assert.equal(total === 0, Number.isNaN(pool(weights, values)));
      }
    }
  });

  test(`${kernel}: K integrates to its declared standard deviation`, () => {
    const { score, sd, support } = KERNELS[kernel];
    if (sd === null) return;
    const step = 1e-3;
    const end = support === Infinity ? 40 : 1;
    let [mass, second] = [0, 0];
    for (let u = step / 2; u < end; u += step) {
      mass += Math.exp(score(u));
      second += u * u * Math.exp(score(u));
    }
    assert.ok(Math.abs(Math.sqrt(second / mass) - sd) < 1e-3);
  });
}

test("the boundary of the boxcar is inside, of the others without weight", () => {
  assert.equal(KERNELS.boxcar.score(1), 0);
  for (const name of KERNEL_NAMES.filter((one) => KERNELS[one].support === 1 && one !== "boxcar")) {
    assert.equal(KERNELS[name].score(1), -Infinity);
  }
});

test("tiny sigma is the nearest key, huge sigma the mean", () => {
  for (const kernel of /** @type {const} */ (["gaussian", "laplace"])) {
    assert.deepEqual([...attentionWeights(1.2, keys, kernel, 1e-300)], [0, 0, 0, 1, 0, 0]);
    for (const w of attentionWeights(1.2, keys, kernel, 1e300)) assert.ok(Math.abs(w - 1 / 6) < 1e-15);
  }
});

test("a far query still has an estimate", () => {
  const weights = attentionWeights(1e9, keys, "gaussian", 1e-3);
  assert.equal(weights[5], 1);
});

test("estimates without weights are the same ones: every kernel, far queries, tiny and huge sigma", () => {
  const queries = [-40, -3, 0.1, 0.25, 1.12, 2, 4.2, 70];
  const unsorted = [3, 0, 5, 1, 4, 2];
  for (const kernel of KERNEL_NAMES) {
    for (const sigma of [1e-300, 0.01, 0.3, 5, 1e300]) {
      for (const order of [[0, 1, 2, 3, 4, 5], unsorted]) {
        const [places, heights] = [order.map((i) => keys[i]), order.map((i) => values[i])];
        const { estimates } = nadarayaWatson(queries, places, heights, kernel, sigma);
        maths.estimatesAt(queries, places, heights, kernel, sigma).forEach((estimate, j) => {
          const same = Number.isNaN(estimate) ? Number.isNaN(estimates[j]) : Math.abs(estimate - estimates[j]) < 1e-11;
          assert.ok(same, `${kernel} ${sigma} ${queries[j]}: ${estimate} ${estimates[j]}`);
        });
      }
    }
  }
});

test("what is shown of the weights are those of the whole matrix, and the top is their largest", () => {
  const [queries, places] = [maths.grid(0, 5, 11), [4.2, 0.1, 2.9, 1.1]]; // sorted: 0.1, 1.1, 2.9, 4.2
  const shown = { rows: Int32Array.of(0, 4, 9), columns: Int32Array.of(0, 3), weights: new Float64Array(6) };
  for (const kernel of KERNEL_NAMES) {
    const whole = nadarayaWatson(queries, places, [1, 2, 3, 4], kernel, 0.7);
    const { top } = nadarayaWatson(queries, places, [1, 2, 3, 4], kernel, 0.7, shown);
    assert.deepEqual([...shown.weights], [0, 4, 9].flatMap((r) => [whole.weights[4 * r + 1], whole.weights[4 * r]]));
    assert.ok(Math.abs(top - Math.max(...whole.weights)) < 1e-15);
  }
});

test("an empty window has no estimate and zero weights", () => {
  const { estimates, weights } = nadarayaWatson([2], keys, values, "boxcar", 0.2);
  assert.ok(Number.isNaN(estimates[0]));
  assert.deepEqual([...weights], [0, 0, 0, 0, 0, 0]);
  assert.equal(effectiveNumber(weights), 0);
});

test("effective number counts equal weights", () => {
  assert.ok(Math.abs(effectiveNumber(attentionWeights(1, keys, "constant", 1)) - 6) < 1e-12);
});

test("a new sample is seeded, sorted, inside the domain and noisy as told", () => {
  const draw = (/** @type {number} */ seed) => drawSample("sine_power", 4000, 0.5, [0, 5], seed);
  const { keys: drawn, values: noisy } = draw(3);
  assert.deepEqual(draw(3), draw(3));
  assert.notDeepEqual(draw(3), draw(4));
  assert.ok(drawn.every((k, i) => k >= 0 && k <= 5 && (i === 0 || k >= drawn[i - 1])));
  const noise = noisy.map((v, i) => v - maths.TRUTHS.sine_power(drawn[i]));
  const mean = sum(noise) / noise.length;
  const sd = Math.sqrt(sum(noise.map((e) => (e - mean) ** 2)) / noise.length);
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(sd - 0.5) < 0.03, `${mean} ${sd}`);
  assert.ok(Math.abs(sum(drawn) / drawn.length - 2.5) < 0.1);
});

test("a heatmap column shows the key nearest to it, keys in any order", () => {
  const shuffled = [4, 1, 3];
  const columns = maths.nearestKeys(shuffled, [0, 5], 50);
  columns.forEach((found, c) => {
    const x = (c + 0.5) / 10;
    const closest = Math.min(...shuffled.map((k) => Math.abs(k - x)));
    assert.ok(Math.abs(Math.abs(shuffled[found] - x) - closest) < 1e-12);
  });
});

test("ticks are round, inside and evenly spaced", () => {
  assert.deepEqual(maths.ticks(0, 5, 6), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(maths.ticks(-1.2, 5.3, 4), [0, 2, 4]);
  assert.deepEqual(maths.ticks(0, 0.1, 2), [0, 0.05, 0.1]);
});
