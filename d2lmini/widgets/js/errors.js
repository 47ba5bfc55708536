// The errors of a bandwidth: against the truth, left out, left in; bias and variance. No DOM.
import { KERNELS, attentionWeights, pool } from "./maths.js";

/** Mean squared errors at the keys, each point left out (Infinity if one has no other in reach) and left in. */
export function errorsAtKeys(keys, values, kernel, sigma) {
  const { score, support } = KERNELS[kernel];
  const n = keys.length;
  const totals = new Float64Array(n);
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const weight = Math.exp(score(Math.abs(keys[i] - keys[j]) / sigma));
      totals[i] += weight;
      totals[j] += weight;
      sums[i] += weight * values[j];
      sums[j] += weight * values[i];
    }
  }
  const own = Math.exp(score(0));
  let [leaveOneOut, training] = [0, 0];
  for (let i = 0; i < n; i++) {
    training += ((values[i] * totals[i] - sums[i]) / (totals[i] + own)) ** 2;
    let estimate = sums[i] / totals[i];
    if (totals[i] < 1e-250) estimate = support === Infinity ? fromTheOthers(i, keys, values, kernel, sigma) : NaN;
    leaveOneOut += (values[i] - estimate) ** 2;
  }
  return { leaveOneOut: Number.isNaN(leaveOneOut) ? Infinity : leaveOneOut / n, training: training / n };
}

/** The estimate at key i from the other points, however far away they are. */
function fromTheOthers(i, keys, values, kernel, sigma) {
  const others = (numbers) => numbers.filter((_, j) => j !== i);
  return pool(attentionWeights(keys[i], others(keys), kernel, sigma), others(values));
}

/** Averages over the queries, NaN if one has no key in reach: the squared error of the estimate against the truth,
 *  and its squared bias and variance over redrawn noise, exact for these keys. `signal` is the truth at the keys. */
export function errorsAtQueries({ queries, truth, keys, values, signal, noiseSd }, kernel, sigma) {
  const row = new Float64Array(keys.length);
  let [error, squaredBias, squares, gaps] = [0, 0, 0, 0];
  for (let j = 0; j < queries.length; j++) {
    attentionWeights(queries[j], keys, kernel, sigma, row);
    let [total, estimate, expected] = [0, 0, 0];
    for (let i = 0; i < row.length; i++) {
      total += row[i];
      estimate += row[i] * values[i];
      expected += row[i] * signal[i];
      squares += row[i] * row[i];
    }
    if (total === 0) gaps += 1;
    error += (estimate - truth[j]) ** 2;
    squaredBias += (expected - truth[j]) ** 2;
  }
  const mean = (total) => (gaps ? NaN : total / queries.length);
  return { error: mean(error), squaredBias: mean(squaredBias), variance: mean(noiseSd ** 2 * squares), gaps };
}

/** Powers of ten from low to high, evenly spaced in the exponent by about `step`, both ends included. */
export function sigmaGrid([low, high], step = 0.02) {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  const count = Math.round((last - first) / step);
  return Array.from({ length: count + 1 }, (_, i) => 10 ** (first + ((last - first) * i) / count));
}

/** The error curves over sigmas, and where two of them are smallest; `data` as for errorsAtQueries. */
export function errorCurves(data, kernel, sigmas) {
  const found = sigmas.map((sigma) => ({
    ...errorsAtKeys(data.keys, data.values, kernel, sigma), error: errorsAtQueries(data, kernel, sigma).error,
  }));
  const curve = (name) => found.map((errors) => (Number.isFinite(errors[name]) ? errors[name] : NaN));
  const curves = { sigmas, error: curve("error"), leaveOneOut: curve("leaveOneOut"), training: curve("training") };
  const best = { error: lowest(curves.error), leaveOneOut: lowest(curves.leaveOneOut) };
  return { ...curves, best };
}

/** Index of the smallest number, the first of equals; NaN does not count; -1 if there is none. */
export function lowest(numbers) {
  return numbers.reduce((found, x, i) => (x < (numbers[found] ?? Infinity) ? i : found), -1);
}

/** Piecewise linear between the points of a curve, over log sigma. */
export function readCurve(sigmas, errors, sigma) {
  const span = Math.log(sigmas[sigmas.length - 1] / sigmas[0]);
  const at = Math.min(1, Math.max(0, Math.log(sigma / sigmas[0]) / span)) * (sigmas.length - 1);
  const i = Math.min(Math.floor(at), sigmas.length - 2);
  return errors[i] + (errors[i + 1] - errors[i]) * (at - i);
}
