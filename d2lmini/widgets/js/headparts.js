// What the explorer of heads has for both of its models: which head, the temperature, and how a reading is told.
import { brief, fixed, kept, node, path, set, write } from "./draw.js";
import { range, select } from "./controls.js";
import { gaussianWeights, rowOf, unpack } from "./transformer.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./draw.js").Scale} Scale */
/** @typedef {import("./shell.js").Shell} Shell */

const TEMPERATURE = { least: -2, most: 2, step: 0.1 }; // in powers of 2
const CHOICES = ["1", "2"];

/** Menus of layer and head, and the temperature of all heads, in one row; `show()` puts them where the model is.
 *  @param {Element} parent @param {Shell} shell */
export function headControls(parent, shell) {
  const box = node(parent, "div", { class: "d2l-controls d2l-menus" });
  const layers = select(box, "Layer", CHOICES, (layer) => shell.change({ layer: Number(layer) }));
  const heads = select(box, "Head", CHOICES, (head) => shell.change({ head: Number(head) }));
  const { least, most, step } = TEMPERATURE;
  const temperature = range(box, "Temperature", {
    min: least, max: most, step, describe: (power) => brief(2 ** power),
    onInput: (power) => shell.change({ temperature: 2 ** power }),
  });
  const shown = node(temperature.box, "output", { class: "d2l-count", "aria-live": "off" });
  return () => {
    layers.show(String(shell.get("layer")));
    heads.show(String(shell.get("head")));
    temperature.show(Math.log2(shell.get("temperature")));
    write(shown, brief(shell.get("temperature")));
  };
}

/** The fitted Gaussian: its weights over the keys, and along the axis what a key there would weigh beside them; equal
 *  weights without a width.
 *  @param {Numbers} along @param {number} query @param {Numbers} keys @param {number} sigma */
export function gaussianOf(along, query, keys, sigma) {
  const width = Number.isNaN(sigma) ? 1e6 : sigma;
  const weights = gaussianWeights(query, keys, width);
  const top = weights.reduce((best, weight, j) => (weight > weights[best] ? j : best), 0);
  const nearest = (query - keys[top]) ** 2;
  const curve = Float64Array.from(along, (x) => weights[top] * Math.exp((nearest - (query - x) ** 2) / (2 * width ** 2)));
  return { weights, along: curve };
}

/** Draws a line anew only where something changed, and nothing outside the axes. @param {Element} line */
export const lineOf = (line) => kept((
  /** @type {Numbers} */ xs, /** @type {Numbers} */ ys, /** @type {Scale} */ x, /** @type {Scale} */ y,
) => {
  const inside = Float64Array.from(ys, (height) => (height >= y.domain[0] && height <= y.domain[1] ? height : NaN));
  set(line, { d: path(xs, inside, x, y) });
});

/** The numbers of the trained model. @param {Shell} shell */
export const modelOf = (shell) => unpack(shell.get("numbers"), shell.get("sizes"));

/** One head's weights, (m, n), of both (2, m, n), and the largest. @param {Float64Array} weights @param {number} head
 *  @param {number} m @param {number} n */
export function headOf(weights, head, m, n) {
  const own = rowOf(weights, head - 1, 0, 1, m * n);
  let top = 0;
  for (let i = 0; i < own.length; i++) if (own[i] > top) top = own[i];
  return { weights: own, top };
}

/** Copies the part of a matrix (m, n) that a heatmap has pixels for. @param {Float64Array} weights @param {number} n
 *  @param {import("./maths.js").Shown | undefined} shown */
export function showPart(weights, n, shown) {
  if (!shown) return;
  const { rows, columns, weights: seen } = shown;
  for (let r = 0; r < rows.length; r++) {
    for (let c = 0; c < columns.length; c++) seen[r * columns.length + c] = weights[rows[r] * n + columns[c]];
  }
}

/** @param {number} share */
export const percent = (share) => (share < 1 && share >= 0.995 ? "over 99 %" : `${Math.round(100 * share)} %`);

/** A reading of a head as text. @param {ReturnType<typeof import("./transformer.js").readHead>} reading */
export function told({ sigma, fit }) {
  if (Number.isNaN(fit)) return { width: "any", fit: "all", sentence: "there is one key, which has all the weight" };
  const well = fit >= 0.9 ? "well" : fit >= 0.5 ? "roughly" : "badly";
  if (Number.isNaN(sigma)) return { width: "none: no width fits", fit: percent(fit), sentence: "no Gaussian fits its weights" };
  return {
    width: fixed(sigma), fit: `${percent(fit)}, fits ${well}`,
    sentence: `the Gaussian of σ ${fixed(sigma)} fits its weights ${well}, explaining ${percent(fit)}`,
  };
}
