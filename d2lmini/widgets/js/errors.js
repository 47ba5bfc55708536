// The errors of a bandwidth: against the truth, left out, left in; bias and variance. No DOM.
import { clamp, eachRow, inOrder, orderOf } from "./maths.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./maths.js").KernelName} KernelName */
/** Data with the truth at the queries and, as `signal`, at the keys.
 *  @typedef {{ queries: Numbers, truth: Numbers, keys: Numbers, values: Numbers, signal: Numbers, noiseSd: number }} Data */
/** Errors over sigmas, NaN where one is not defined; `best`: the index of the smallest, −1 if there is none.
 *  @typedef {{ sigmas: number[], error: number[], leaveOneOut: number[], training: number[],
 *    best: { error: number, leaveOneOut: number } }} Curves */

const PAIRS = 8e4; // more pairs of keys than this are too slow for a frame

/** Mean squared errors at the keys, each point left out (Infinity if one has no other in reach) and left in.
 *  @param {Numbers} keys @param {Numbers} values @param {KernelName} kernel @param {number} sigma */
export function errorsAtKeys(keys, values, kernel, sigma) {
  const order = orderOf(keys);
  const [places, heights] = [inOrder(keys, order), inOrder(values, order)];
  let [leaveOneOut, training] = [0, 0];
  eachRow(places, places, heights, kernel, sigma, (i, _, { total, mean, unit }) => {
    const away = heights[i] - mean;
    const others = total * unit; // the weight of the others where its own is 1
    leaveOneOut += away ** 2;
    if (others > 0) training += (away * (others / (1 + others))) ** 2;
  }, true);
  const n = keys.length;
  return { leaveOneOut: Number.isNaN(leaveOneOut) ? Infinity : leaveOneOut / n, training: training / n };
}

/** Averages over the queries, NaN if one has no key in reach: the squared error of the estimate against the truth,
 *  and its squared bias and variance over redrawn noise, exact for these keys.
 *  @param {Data} data @param {KernelName} kernel @param {number} sigma */
export function errorsAtQueries({ queries, truth, keys, values, signal, noiseSd }, kernel, sigma) {
  const order = orderOf(keys);
  const means = inOrder(signal, order);
  let [error, squaredBias, squares, gaps] = [0, 0, 0, 0];
  eachRow(queries, inOrder(keys, order), inOrder(values, order), kernel, sigma, (j, row, { from, to, total, mean: estimate }) => {
    let expected = 0;
    let square = 0;
    for (let i = from; i < to; i++) {
      expected += row[i] * means[i];
      square += row[i] * row[i];
    }
    if (total === 0) gaps += 1;
    error += (estimate - truth[j]) ** 2;
    squaredBias += (expected / total - truth[j]) ** 2;
    squares += square / total / total;
  });
  /** @param {number} total */
  const mean = (total) => (gaps ? NaN : total / queries.length);
  return { error: mean(error), squaredBias: mean(squaredBias), variance: mean(noiseSd ** 2 * squares), gaps };
}

/** The errors at sigma itself; those at the keys read off the curves where there are too many pairs of keys.
 *  @param {Data} data @param {KernelName} kernel @param {number} sigma @param {Curves} curves */
export function errorsNow(data, kernel, sigma, curves) {
  const atKeys = data.keys.length ** 2 <= PAIRS ? errorsAtKeys(data.keys, data.values, kernel, sigma) : {
    leaveOneOut: readCurve(curves.sigmas, curves.leaveOneOut, sigma),
    training: readCurve(curves.sigmas, curves.training, sigma),
  };
  return { ...atKeys, ...errorsAtQueries(data, kernel, sigma) };
}

/** Powers of ten from low to high, evenly spaced in the exponent by about `step`, both ends included.
 *  @param {number[]} ends */
export function sigmaGrid([low, high], step = 0.02) {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  const count = Math.round((last - first) / step);
  return Array.from({ length: count + 1 }, (_, i) => 10 ** (first + ((last - first) * i) / count));
}

/** The nearest sigma where the slider can stand. @param {number} sigma */
export const toStep = (sigma) => 10 ** (Math.round(100 * Math.log10(sigma)) / 100);

/** Every fifth of the sigmas where there are too many pairs of keys, else all. @param {number[]} sigmas @param {Numbers} keys */
export function fewer(sigmas, keys) {
  return keys.length ** 2 > PAIRS ? sigmas.filter((_, i) => i % 5 === 0) : sigmas;
}

/** The error curves over sigmas, and where two of them are smallest.
 *  @param {Data} data @param {KernelName} kernel @param {number[]} sigmas @returns {Curves} */
export function errorCurves(data, kernel, sigmas) {
  const found = sigmas.map((sigma) => ({
    ...errorsAtKeys(data.keys, data.values, kernel, sigma), error: errorsAtQueries(data, kernel, sigma).error,
  }));
  /** @param {"error" | "leaveOneOut" | "training"} name */
  const curve = (name) => found.map((errors) => (Number.isFinite(errors[name]) ? errors[name] : NaN));
  const curves = { sigmas, error: curve("error"), leaveOneOut: curve("leaveOneOut"), training: curve("training") };
  const best = { error: lowest(curves.error), leaveOneOut: lowest(curves.leaveOneOut) };
  return { ...curves, best };
}

/** Index of the smallest number, the first of equals; NaN does not count; -1 if there is none. @param {number[]} numbers */
export function lowest(numbers) {
  return numbers.reduce((found, x, i) => (x < (numbers[found] ?? Infinity) ? i : found), -1);
}

/** What one sample chose: the sigmas at which its errors are smallest, undefined where one is nowhere defined, and how far
 *  the true error at the first exceeds that at the second, as a share.
 *  @typedef {{ leaveOneOut: number | undefined, error: number | undefined, excess: number }} Choice */

/** @param {Curves} curves @returns {Choice} */
export function choiceOf({ sigmas, error, best }) {
  return {
    leaveOneOut: sigmas[best.leaveOneOut], error: sigmas[best.error], excess: error[best.leaveOneOut] / error[best.error] - 1,
  };
}

/** How many numbers there are, their median and the ends of the middle 90 %. @param {(number | undefined)[]} numbers */
export function summaryOf(numbers) {
  const sorted = numbers.filter((x) => x !== undefined).sort((a, b) => a - b);
  const quantile = (/** @type {number} */ share) => {
    const at = share * (sorted.length - 1);
    const i = Math.min(Math.floor(at), sorted.length - 2);
    return sorted.length < 2 ? sorted[0] ?? NaN : sorted[i] + (sorted[i + 1] - sorted[i]) * (at - i);
  };
  return { count: sorted.length, low: quantile(0.05), median: quantile(0.5), high: quantile(0.95) };
}

/** Piecewise linear between the points of a curve, over log sigma.
 *  @param {number[]} sigmas @param {number[]} errors @param {number} sigma */
export function readCurve(sigmas, errors, sigma) {
  const span = Math.log(sigmas[sigmas.length - 1] / sigmas[0]);
  const at = clamp(Math.log(sigma / sigmas[0]) / span, [0, 1]) * (sigmas.length - 1);
  const i = Math.min(Math.floor(at), sigmas.length - 2);
  return errors[i] + (errors[i + 1] - errors[i]) * (at - i);
}
