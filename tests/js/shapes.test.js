// Kernels side by side: widths, errors, the kernel drawn at a query. Agreement with Python: test_widget_kernels.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KERNELS, KERNEL_NAMES, attentionWeights, estimatesAt, grid } from "../../d2lmini/widgets/js/maths.js";
import { SPREADING, closingWidth, compareKernels, weightCurve, widthOf } from "../../d2lmini/widgets/js/shapes.js";

const keys = [0.1, 0.4, 1.1, 1.15, 2.9, 4.2];
const values = [1, -2, 3, 0.5, 4, 2];
const COMPACT = KERNEL_NAMES.filter((name) => KERNELS[name].support === 1);

test("all kernels but the constant one have a spread", () => {
  assert.deepEqual(SPREADING, KERNEL_NAMES.filter((name) => name !== "constant"));
  assert.ok(SPREADING.length > 5);
});

test("matched widths give every kernel the standard deviation sigma", () => {
  for (const name of SPREADING) {
    assert.equal(widthOf(name, 0.7, false), 0.7);
    assert.ok(Math.abs(widthOf(name, 0.7, true) * Number(KERNELS[name].sd) - 0.7) < 1e-12);
  }
  assert.equal(widthOf("constant", 0.7, true), 0.7);
});

test("the drawn kernel passes through every weight", () => {
  for (const kernel of KERNEL_NAMES) {
    for (const width of [0.05, 0.5, 3]) {
      const row = attentionWeights(1.12, keys, kernel, width);
      const drawn = weightCurve(keys, 1.12, { keys, kernel, width, row });
      drawn.forEach((height, i) => assert.ok(Math.abs(height - row[i]) < 1e-12, `${kernel} ${width}`));
    }
  }
});

test("the drawn kernel is largest at the query and zero outside its window", () => {
  for (const kernel of COMPACT) {
    const row = attentionWeights(1.12, keys, kernel, 0.5);
    const xs = grid(0, 5, 101);
    const drawn = weightCurve(xs, 1.12, { keys, kernel, width: 0.5, row });
    const [peak] = weightCurve([1.12], 1.12, { keys, kernel, width: 0.5, row });
    drawn.forEach((height, i) => {
      assert.ok(height <= peak + 1e-12);
      assert.equal(height > 0, Math.abs(xs[i] - 1.12) < 0.5);
    });
  }
});

test("with nobody in reach the kernel is drawn with height 1", () => {
  const row = attentionWeights(2, keys, "triangular", 0.2);
  const drawn = weightCurve([1.7, 1.9, 2, 2.3], 2, { keys, kernel: "triangular", width: 0.2, row });
  assert.deepEqual([...drawn].map((height) => Number(height.toFixed(9))), [0, 0.5, 1, 0]);
});

test("the closing width reaches every query, and nothing narrower does", () => {
  const queries = [0, 1, 2, 3, 4, 5];
  const width = closingWidth(queries, keys);
  assert.ok(Math.abs(width - 0.85) < 1e-12);
  const empty = (/** @type {number} */ w) => estimatesAt(queries, keys, values, "boxcar", w).filter(Number.isNaN).length;
  assert.equal(empty(width), 0);
  assert.equal(empty(width * 0.999), 1);
});

test("gaps are counted, and the ratio compares only what all kernels answer", () => {
  const queries = [0.1, 1.1, 2, 2.9];
  const compared = compareKernels(queries, [0, 0, 100, 0], { keys, values }, 0.3, false);
  const expected = KERNEL_NAMES.map((name) => [name, Number(COMPACT.includes(name))]);
  assert.deepEqual(compared.gaps, Object.fromEntries(expected));
  assert.ok(compared.errors.gaussian > 1000, "the far truth at 2 counts for the Gaussian itself");
  assert.ok(compared.ratio >= 1 && compared.ratio < 10, `${compared.ratio}`);
});
