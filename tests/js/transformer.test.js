// What holds for any numbers in the transformers, and what is read of their heads. Agreement with PyTorch: test_transformer.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ARCHITECTURE, ask, gaussianWeights, readHead, readPoints, readText, rowOf, unpack,
} from "../../d2lmini/widgets/js/transformer.js";
import { bestCurve, curveAt, drawProblem, drawText, heardFrom, pairSmoother } from "../../d2lmini/widgets/js/problems.js";
import { attentionWeights, effectiveNumber } from "../../d2lmini/widgets/js/maths.js";
import { normals } from "../../d2lmini/widgets/js/features.js";

/** @param {ArrayLike<number>} found @param {ArrayLike<number>} expected */
function near(found, expected, tolerance = 1e-10) {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(found[i] - expected[i]) <= tolerance, `${i}: ${found[i]} is not ${expected[i]}`);
  }
}

/** The bits of a number in half precision, cut off; tiny ones are 0. @param {number} x */
function half(x) {
  const power = Math.floor(Math.log2(Math.abs(x)));
  if (power < -14) return 0;
  return (x < 0 ? 1 << 15 : 0) | ((power + 15) << 10) | Math.floor((Math.abs(x) / 2 ** power - 1) * 1024);
}

test("half precision: normal, tiny, negative and zero", () => {
  const bytes = new DataView(Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001, 0x0000, 0x7bff).buffer);
  assert.deepEqual([...unpack(bytes, [["all", 6]]).all], [1, -2, 0.333251953125, 2 ** -24, 0, 65504]);
});

/** A model with random numbers. @param {boolean} text */
function random(text) {
  const { width: d, letters, length } = ARCHITECTURE;
  /** @type {[string, number][]} */
  const sizes = text ? [["embed.weight", letters * d]]
    : [["embed.0.weight", 3 * d], ["embed.0.bias", d], ["embed.2.weight", d * d], ["embed.2.bias", d]];
  for (const layer of [0, 1]) {
    if (text) sizes.push([`layers.${layer}.log_position`, 2 * length]);
    for (const name of ["query", "key", "value", "out"]) sizes.push([`layers.${layer}.${name}.weight`, d * d]);
    for (const name of ["up", "down"]) sizes.push([`layers.${layer}.${name}.weight`, 2 * d * d]);
    sizes.push([`layers.${layer}.up.bias`, 2 * d], [`layers.${layer}.down.bias`, d]);
  }
  sizes.push(["read.weight", text ? letters * d : d], ["read.bias", text ? letters : 1]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  const bytes = new DataView(new ArrayBuffer(2 * total));
  normals(total, 5).forEach((x, i) => bytes.setUint16(2 * i, half(0.4 * x), true));
  return unpack(bytes, sizes);
}

const [points, reader] = [random(false), random(true)];
const { data_keys: keys, data_values: values } = drawProblem(11, [-2, 2], [-3, 3], 4);
const letters = drawText(30, 2);

test("every row of weights adds up to 1, at any temperature", () => {
  for (const temperature of [0.25, 1, 4]) {
    const shown = readPoints(points, keys, values, temperature);
    const asked = ask(points, shown, [0.3, 1], temperature).weights;
    const rows = [...shown.map((layer) => layer.weights), ...asked].flatMap((weights) => (
      Array.from({ length: weights.length / 11 }, (_, i) => weights.subarray(11 * i, 11 * (i + 1)))));
    for (const weights of readText(reader, letters, temperature).weights) {
      for (let i = 0; i < 60; i++) rows.push(weights.subarray(30 * i, 30 * (i + 1)));
    }
    assert.equal(rows.length, 2 * (22 + 4 + 60));
    for (const row of rows) near([row.reduce((sum, weight) => sum + weight)], [1]);
  }
});

test("each query is answered on its own, whatever the order of the points", () => {
  const shown = readPoints(points, keys, values);
  const together = ask(points, shown, [-1, 0.2, 0.9, 1.3, 2]).predictions;
  const alone = [-1, 0.2, 0.9, 1.3, 2].map((query) => ask(points, shown, [query]).predictions[0]);
  near(alone, together);
  const order = keys.map((_, i) => (4 * i) % 11);
  const other = readPoints(points, order.map((i) => keys[i]), order.map((i) => values[i]));
  near(ask(points, other, [-1, 0.2, 0.9, 1.3, 2]).predictions, together);
});

test("a letter sees itself and the past, and no more", () => {
  const changed = letters.map((letter, i) => (i < 12 ? letter : 7 - letter));
  const [one, other] = [letters, changed].map((text) => readText(reader, text));
  near(one.probabilities.subarray(0, 96), other.probabilities.subarray(0, 96));
  assert.ok(Math.abs(one.probabilities[8 * 20] - other.probabilities[8 * 20]) > 1e-6);
  for (const weights of one.weights) {
    for (const head of [0, 1]) {
      const row = rowOf(weights, head, 5, 30, 30);
      assert.ok(row.every((weight, j) => (weight > 0) === (j <= 5)));
    }
  }
});

test("heat makes equal weights, cold one key", () => {
  const hot = readPoints(points, keys, values, 1e6)[0].weights;
  near(hot, new Float64Array(hot.length).fill(1 / 11), 1e-4);
  const cold = readPoints(points, keys, values, 1e-6)[0].weights;
  for (let i = 0; i < 22; i++) near([Math.max(...cold.subarray(11 * i, 11 * (i + 1)))], [1], 1e-4);
});

test("Gaussian weights are read as what they are", () => {
  for (const width of [0.05, 0.31, 1.4]) {
    const weights = attentionWeights(0.4, keys, "gaussian", width);
    near(gaussianWeights(0.4, keys, width), weights);
    const { sigma, fit, distance } = readHead(weights, 0.4, keys);
    assert.ok(Math.abs(Math.log(sigma / width)) < 0.03, `${sigma} is not ${width}`);
    assert.ok(fit > 0.999 && fit <= 1);
    near([distance], [weights.reduce((sum, weight, j) => sum + weight * Math.abs(keys[j] - 0.4), 0)]);
  }
});

test("what no Gaussian fits is not said to fit", () => {
  const far = keys.map((_, i) => (i === 0 || i === 10 ? 0.5 : 0));
  const { sigma, fit } = readHead(far, 0, keys);
  assert.ok(Number.isNaN(sigma) && fit < 0.01);
  assert.ok(readHead(keys.map(() => 1 / 11), 0, keys).fit >= 0);
  const alone = readHead([1], 3, [3]);
  assert.ok(Number.isNaN(alone.sigma) && Number.isNaN(alone.fit) && alone.distance === 0);
});

test("what a head hears of pairs: shares, and what they explain, as regression on one column", () => {
  const at = 29;
  const weights = normals(30, 3).map((x) => Math.exp(x));
  const total = weights.reduce((a, b) => a + b);
  const shares = weights.map((weight) => weight / total);
  const follows = shares.map((_, j) => Number(j > 0 && letters[j - 1] === letters[at]));
  const { first, before, followers, count, told } = heardFrom(shares, letters, at);
  near([first, before, followers, count], [
    shares[0], shares[28], shares.reduce((sum, share, j) => sum + share * follows[j], 0), follows.reduce((a, b) => a + b),
  ]);
  const mean = count / 30;
  const [covariance, spread, all] = shares.reduce(([c, s, a], share, j) => [
    c + (share - 1 / 30) * (follows[j] - mean), s + (follows[j] - mean) ** 2, a + (share - 1 / 30) ** 2,
  ], [0, 0, 0]);
  near([told], [covariance ** 2 / (spread * all)]);
  const { weights: pairs } = pairSmoother(letters, at, 0.1);
  near([heardFrom(pairs, letters, at).told, heardFrom(pairs, letters, at).followers], [1, 1]);
  near([effectiveNumber(pairs)], [count], 1e-9);
});

test("before there is a pair the smoother over pairs is silent", () => {
  const { weights, probabilities } = pairSmoother(letters, 0, 0.5);
  near(weights, [0]);
  assert.ok(probabilities.every(Number.isNaN));
  assert.deepEqual(heardFrom([1], letters, 0), { first: 1, before: 0, followers: 0, count: 0, told: 0 });
});

test("what is drawn repeats with its seed and stays in sight", () => {
  for (let seed = 1; seed < 60; seed++) {
    const problem = drawProblem(24, [-2, 2], [-3, 3], seed);
    assert.deepEqual(problem, drawProblem(24, [-2, 2], [-3, 3], seed));
    assert.ok(problem.data_values.every((value) => Math.abs(value) < 3));
    assert.ok(problem.data_keys.every((key, i, all) => Math.abs(key) <= 2 && (i === 0 || key >= all[i - 1])));
    assert.ok(Math.abs(curveAt(problem.curve, 0.7)) < 3);
    const text = drawText(24, seed);
    assert.deepEqual(text, drawText(24, seed));
    assert.ok(text.length === 24 && text.every((letter) => Number.isInteger(letter) && letter >= 0 && letter < 8));
  }
  assert.notDeepEqual(drawText(24, 1), drawText(24, 2));
});

test("far from all points the best prediction is the mean of all curves, 0", () => {
  near(bestCurve([60], keys, values), [0]);
});
