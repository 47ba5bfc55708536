// The forward pass, piece by piece; that it is PyTorch's is tested from Python (test_js.py).
import assert from "node:assert/strict";
import { test } from "node:test";
import { attentionWeights, drawSample } from "../../d2lmini/widgets/js/maths.js";
import { bestCurve, halves, modelOf, nearestGaussian } from "../../d2lmini/widgets/js/transformer.js";

const { keys, values } = drawSample("slow_sine", 20, 0.3, [-2, 2], 1);

test("half precision: normal, tiny, negative and zero", () => {
  const text = Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001, 0x0000, 0x7bff).buffer).toString("base64");
  assert.deepEqual([...halves(text)], [1, -2, 0.333251953125, 2 ** -24, 0, 65504]);
});

test("a model of another size is refused", () => {
  assert.throws(() => modelOf(new Float64Array(100)), /17793 numbers, 100 are given/);
});

test("the width of a Gaussian is found, and fits", () => {
  for (const sigma of [0.15, 0.4, 1.1]) {
    const found = nearestGaussian(attentionWeights(0.3, keys, "gaussian", sigma), 0.3, keys);
    assert.ok(Math.abs(found.sigma / sigma - 1) < 0.01, `${found.sigma} for ${sigma}`);
    assert.ok(found.fit > 0.999);
  }
  const flat = nearestGaussian(attentionWeights(0.3, keys, "laplace", 0.3), 0.3, keys);
  assert.ok(flat.fit > 0.7 && flat.fit < 0.999);
});

test("the best possible curve leaves noise out: far away it is 0, and its equations hold", () => {
  const at = bestCurve(keys, values);
  assert.ok(Math.abs(at(40)) < 1e-12);
  const gap = (/** @type {number} */ i) => values[i] - at(keys[i]); // = 0.09 times the solution
  const again = keys.map((x) => keys.reduce((sum, k, i) => (
    sum + (Math.exp(-0.5 * ((x - k) / 0.8) ** 2) * gap(i)) / 0.09), 0));
  again.forEach((height, i) => assert.ok(Math.abs(height - at(keys[i])) < 1e-8));
});
