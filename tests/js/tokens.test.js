// Self-attention between points. Agreement with Python: test_widget_attention.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MASKS, SIMILARITIES, largestDifference, onCircle, outputsOf, selfAttention, shuffled,
} from "../../d2lmini/widgets/js/tokens.js";

/** @typedef {import("../../d2lmini/widgets/js/tokens.js").Setting} Setting */

const points = [[0.2, 0.1], [1.2, 0.9], [-0.6, 1.3], [-0.9, -0.5], [0.2, 0.1], [1.5, 0.3]];
/** @type {Setting} */
const plain = { sigma: 0.8, kernel: "dot-product", mask: "none", reach: 1, positions: "none", positionSigma: 1.5 };
const kernels = /** @type {Setting["kernel"][]} */ (Object.keys(SIMILARITIES));

test("rows add up to 1 and hidden keys get exactly 0", () => {
  for (const kernel of kernels) {
    for (const mask of /** @type {Setting["mask"][]} */ (Object.keys(MASKS))) {
      for (const sigma of [0.1, 1, 10]) {
        const weights = selfAttention(points, { ...plain, kernel, mask, sigma, positions: "laplace" });
        weights.forEach((row, i) => {
          assert.ok(Math.abs(row.reduce((sum, weight) => sum + weight) - 1) < 1e-12);
          row.forEach((weight, j) => assert.equal(weight === 0 && sigma > 0.5, sigma > 0.5 && !MASKS[mask](i, j, 1)));
        });
      }
    }
  }
});

test("on the circle all kernels agree, and not before", () => {
  const [dot, rbf, cosine] = kernels.map((kernel) => selfAttention(onCircle(points), { ...plain, kernel }));
  assert.ok(largestDifference(dot, rbf) < 1e-12);
  assert.ok(largestDifference(dot, cosine) < 1e-12);
  const [before, other] = kernels.map((kernel) => selfAttention(points, { ...plain, kernel }));
  assert.ok(largestDifference(before, other) > 0.1);
});

test("without positions and mask the weights travel with the tokens; a causal mask or a factor breaks it", () => {
  const order = [3, 0, 5, 1, 4, 2];
  const travels = (/** @type {Partial<Setting>} */ setting) => {
    const weights = selfAttention(points, { ...plain, ...setting });
    const permuted = selfAttention(order.map((i) => points[i]), { ...plain, ...setting });
    return largestDifference(permuted, order.map((i) => order.map((j) => weights[i][j]))) < 1e-12;
  };
  for (const kernel of kernels) assert.ok(travels({ kernel }));
  assert.ok(!travels({ mask: "causal" }));
  assert.ok(!travels({ positions: "gaussian" }));
});

test("a circle keeps directions and takes the origin along", () => {
  for (const [i, [x, y]] of onCircle(points).entries()) {
    assert.ok(Math.abs(Math.hypot(x, y) - 1) < 1e-12);
    assert.ok(Math.abs(x * points[i][1] - y * points[i][0]) < 1e-12);
    assert.ok(x * points[i][0] >= 0);
  }
  assert.deepEqual(onCircle([[0, 0]]), [[1, 0]]);
});

test("outputs are weighted means", () => {
  assert.deepEqual(outputsOf([[1, 0], [0.5, 0.5]], [[2, 4], [0, -2]]), [[2, 4], [1, 1]]);
});

test("a shuffle is a permutation that moves something, and repeats with its seed", () => {
  for (let n = 2; n <= 12; n++) {
    for (let seed = 1; seed < 40; seed++) {
      const order = shuffled(n, seed);
      assert.deepEqual([...order].sort((a, b) => a - b), [...Array(n).keys()]);
      assert.ok(order.some((place, i) => place !== i));
      assert.deepEqual(order, shuffled(n, seed));
    }
  }
});
