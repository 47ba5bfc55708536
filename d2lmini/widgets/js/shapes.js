// Kernels side by side: of one width or of one spread, their errors, and one of them drawn at a query. No DOM.
import { KERNELS, KERNEL_NAMES, estimatesAt, meanSquaredError } from "./maths.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./maths.js").KernelName} KernelName */

/** The kernels that can be compared by spread: all but the constant one. */
export const SPREADING = KERNEL_NAMES.filter((name) => KERNELS[name].sd !== null);

/** The width of a kernel: sigma, or with `match` the one that makes sigma its standard deviation.
 *  @param {KernelName} kernel @param {number} sigma @param {boolean} match */
export function widthOf(kernel, sigma, match) {
  const { sd } = KERNELS[kernel];
  return match && sd !== null ? sigma / sd : sigma;
}

/**
 * By kernel: mean squared error, and how many queries have no estimate. `ratio` is worst over best error of the
 * kernels with a spread, at the queries that all of them answer.
 * @param {Numbers} queries @param {Numbers} truth @param {{ keys: Numbers, values: Numbers }} data
 * @param {number} sigma @param {boolean} match
 */
export function compareKernels(queries, truth, { keys, values }, sigma, match) {
  const answers = byKernel((name) => estimatesAt(queries, keys, values, name, widthOf(name, sigma, match)));
  const errors = byKernel((name) => meanSquaredError(answers[name], truth));
  const gaps = byKernel((name) => answers[name].reduce((count, estimate) => count + Number(Number.isNaN(estimate)), 0));
  const shared = Array.from(truth, (f, j) => (SPREADING.some((name) => Number.isNaN(answers[name][j])) ? NaN : f));
  const seen = SPREADING.map((name) => meanSquaredError(answers[name].map((e, j) => e + 0 * shared[j]), truth));
  return { errors, gaps, ratio: Math.max(...seen) / Math.min(...seen) };
}

/** @template T @param {(name: KernelName) => T} answer */
function byKernel(answer) {
  return /** @type {Record<KernelName, T>} */ (Object.fromEntries(KERNEL_NAMES.map((name) => [name, answer(name)])));
}

/** The largest distance from a query to its nearest key: the width from which on no window is empty.
 *  @param {Numbers} queries @param {Numbers} keys */
export function closingWidth(queries, keys) {
  let most = 0;
  for (let j = 0; j < queries.length; j++) {
    let least = Infinity;
    for (let i = 0; i < keys.length; i++) least = Math.min(least, Math.abs(queries[j] - keys[i]));
    most = Math.max(most, least);
  }
  return most;
}

/** K around the query at the places xs, scaled to pass through the weights of the row; of height 1 if all are 0.
 *  @param {Numbers} xs @param {number} query
 *  @param {{ keys: Numbers, kernel: KernelName, width: number, row: Numbers }} setting */
export function weightCurve(xs, query, { keys, kernel, width, row }) {
  const { score } = KERNELS[kernel];
  let heaviest = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[heaviest]) heaviest = i;
  const empty = !(row[heaviest] > 0);
  const [at, height] = empty ? [score(0), 1] : [score(Math.abs(keys[heaviest] - query) / width), row[heaviest]];
  return Float64Array.from(xs, (x) => height * Math.exp(score(Math.abs(x - query) / width) - at));
}
