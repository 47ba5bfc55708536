// Kernels side by side: of one width or of one spread, their errors, and one of them drawn at a query. No DOM.
import { KERNELS, attentionWeights, meanSquaredError, pool } from "./maths.js";

/** The kernels that can be compared by spread: all but the constant one. */
export const SPREADING = Object.keys(KERNELS).filter((name) => KERNELS[name].sd !== null);

/** The width of a kernel: sigma, or with `match` the one that makes sigma its standard deviation. */
export function widthOf(kernel, sigma, match) {
  const { sd } = KERNELS[kernel];
  return match && sd !== null ? sigma / sd : sigma;
}

/** Estimates (m) at the queries; NaN where no key is in reach. The weights are not kept. */
export function estimatesAt(queries, keys, values, kernel, width) {
  const row = new Float64Array(keys.length);
  return Float64Array.from(queries, (query) => pool(attentionWeights(query, keys, kernel, width, row), values));
}

/**
 * By kernel: mean squared error, and how many queries have no estimate. `ratio` is worst over best error of the
 * kernels with a spread, at the queries that all of them answer.
 */
export function compareKernels(queries, truth, { keys, values }, sigma, match) {
  const [answers, errors, gaps] = [{}, {}, {}];
  for (const name of Object.keys(KERNELS)) {
    answers[name] = estimatesAt(queries, keys, values, name, widthOf(name, sigma, match));
    errors[name] = meanSquaredError(answers[name], truth);
    gaps[name] = answers[name].reduce((count, estimate) => count + Number.isNaN(estimate), 0);
  }
  const shared = Array.from(truth, (f, j) => (SPREADING.some((name) => Number.isNaN(answers[name][j])) ? NaN : f));
  const seen = SPREADING.map((name) => meanSquaredError(answers[name].map((e, j) => e + 0 * shared[j]), truth));
  return { errors, gaps, ratio: Math.max(...seen) / Math.min(...seen) };
}

/** The largest distance from a query to its nearest key: the width from which on no window is empty. */
export function closingWidth(queries, keys) {
  const nearest = (query) => keys.reduce((least, key) => Math.min(least, Math.abs(query - key)), Infinity);
  return queries.reduce((most, query) => Math.max(most, nearest(query)), 0);
}

/** K around the query at the places xs, scaled to pass through the weights of the row; of height 1 if all are 0. */
export function weightCurve(xs, query, { keys, kernel, width, row }) {
  const { score } = KERNELS[kernel];
  const heaviest = row.reduce((best, weight, i) => (weight > row[best] ? i : best), 0);
  const empty = !(row[heaviest] > 0);
  const [at, height] = empty ? [score(0), 1] : [score(Math.abs(keys[heaviest] - query) / width), row[heaviest]];
  return Float64Array.from(xs, (x) => height * Math.exp(score(Math.abs(x - query) / width) - at));
}
