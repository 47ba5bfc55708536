// The pass in one sweep against sums over all keys, and random features against what they are drawn for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { attentionWeights, drawSample, pool } from "../../d2lmini/widgets/js/maths.js";
import { NOTHING_READ, merge, pass, scoresOf, sumsOf } from "../../d2lmini/widgets/js/online.js";
import { estimated, featuresOf, normals, products } from "../../d2lmini/widgets/js/features.js";

const { keys, values } = drawSample("sine_power", 43, 0.5, [0, 5], 3);

/** @param {number} a @param {number} b */
const near = (a, b, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("whatever the blocks, the estimate is that of all keys", () => {
  for (const query of [-3, 0, 2.2, 5, 40]) {
    for (const sigma of [0.01, 0.3, 5]) {
      const right = pool(attentionWeights(query, keys, "gaussian", sigma), values);
      for (const size of [1, 5, 10, 25, 60]) {
        const { N, D, read } = pass(scoresOf(query, keys, sigma), values, size, Math.ceil(keys.length / size));
        near(N / D, right, 1e-11);
        assert.equal(read, keys.length);
      }
    }
  }
});

test("a part of the pass is the estimate from the keys read so far", () => {
  const scores = scoresOf(1.5, keys, 0.4);
  const { N, D, M, read } = pass(scores, values, 10, 2);
  assert.equal(read, 20);
  near(N / D, pool(attentionWeights(1.5, keys.slice(0, 20), "gaussian", 0.4), values.slice(0, 20)));
  assert.equal(M, Math.max(...scores.slice(0, 20)));
});

test("merging is the same in any order, and with nothing changes nothing", () => {
  const scores = scoresOf(2, keys, 0.2);
  const [a, b, c] = [[0, 9], [9, 30], [30, 43]].map(([from, to]) => sumsOf(scores, values, from, to));
  const [one, other] = [merge(merge(a, b), c), merge(c, merge(b, a))];
  near(one.N / one.D, other.N / other.D);
  assert.equal(one.M, other.M);
  assert.deepEqual(merge(NOTHING_READ, a), a);
  assert.deepEqual(merge(a, NOTHING_READ), a);
});

test("the factor says what the old sums were multiplied by; without a maximum they underflow", () => {
  const scores = scoresOf(5, keys, 0.03);
  assert.ok(Number.isNaN(pass(scores, values, 10, 1).factor));
  const { factor, plain, D } = pass(scores, values, 10, 2);
  near(factor, Math.exp(Math.max(...scores.slice(0, 10)) - Math.max(...scores.slice(10, 20))));
  assert.equal(plain.D, 0);
  assert.ok(D >= 1);
});

test("features are right on average: their products estimate exp(x · y)", () => {
  const [x, y] = [Float64Array.of(0.3, -0.2), Float64Array.of(0.1, 0.4)];
  const w = normals(2 * 200_000, 1);
  const r = w.length / 2;
  const found = products(featuresOf(x, w, 2), featuresOf(y, w, 2), r)[0] / r;
  const [dot, square] = [0.3 * 0.1 - 0.2 * 0.4, 0.4 ** 2 + 0.2 ** 2];
  const spread = Math.exp(dot) * Math.sqrt((Math.exp(square) - 1) / r); // formula (8.10)
  assert.ok(Math.abs(found - Math.exp(dot)) < 4 * spread);
});

test("exact weights are a softmax; the error falls with the features for short keys, and hardly for long ones", () => {
  const errors = [0.5, 1].map((spread) => [16, 4096].map((r) => {
    const draws = Array.from({ length: 6 }, (_, draw) => estimated(spread, r, draw));
    for (const { exact, found } of draws) {
      for (const weights of [exact, found]) near(weights.reduce((a, b) => a + b), 1, 1e-9);
    }
    return draws.reduce((sum, { error }) => sum + error, 0) / draws.length;
  }));
  assert.ok(errors[0][1] < 0.25 * errors[0][0]);
  assert.ok(errors[1][1] > 0.4 * errors[1][0]);
  assert.deepEqual(estimated(0.5, 64, 2), estimated(0.5, 64, 2));
});
