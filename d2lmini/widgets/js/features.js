// Softmax weights by positive random features (Choromanski et al. 2020). No DOM, so that node can test it.
import { uniform } from "./maths.js";

/** Components of a query or key, and how many of them there are; columns of the values. */
export const SIZES = { d: 16, keys: 24, queries: 16, columns: 4 };
export const MOST = 4096; // features

/** Seeded standard normal numbers (Box and Muller). @param {number} count @param {number} seed */
export function normals(count, seed) {
  const next = uniform(seed);
  return Float64Array.from({ length: count }, () => (
    Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())));
}

/** Inner products of the rows of x (·, d) and w (·, d), row by row. @param {Float64Array} x @param {Float64Array} w
 *  @param {number} d */
export function products(x, w, d) {
  const [rows, columns] = [x.length / d, w.length / d];
  const found = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += x[i * d + c] * w[j * d + c];
      found[i * columns + j] = sum;
    }
  }
  return found;
}

/** φ(x) = exp(w · x − ‖x‖²/2), a row for each row of x; the factor 1/√r cancels in weights.
 *  @param {Float64Array} x @param {Float64Array} w @param {number} d */
export function featuresOf(x, w, d) {
  const [found, r] = [products(x, w, d), w.length / d];
  for (let i = 0; i < x.length / d; i++) {
    let half = 0;
    for (let c = 0; c < d; c++) half += x[i * d + c] ** 2 / 2;
    for (let l = 0; l < r; l++) found[i * r + l] = Math.exp(found[i * r + l] - half);
  }
  return found;
}

/** Each row over its sum. @param {Float64Array} kernel @param {number} columns */
function shares(kernel, columns) {
  const found = new Float64Array(kernel.length);
  for (let start = 0; start < kernel.length; start += columns) {
    let total = 0;
    for (let j = start; j < start + columns; j++) total += kernel[j];
    for (let j = start; j < start + columns; j++) found[j] = kernel[j] / total;
  }
  return found;
}

/** Root mean square of a − b. @param {Float64Array} a @param {Float64Array} b */
function distance(a, b) {
  return Math.sqrt(a.reduce((sum, one, i) => sum + (one - b[i]) ** 2, 0) / a.length);
}

/** Exact and estimated weights of queries over keys with entries of the given spread, scores q · k / √d, and the error of the
 *  pooled values, in units of that of their plain mean.
 *  @param {number} spread @param {number} r features @param {number} draw its number; the same one gives the same */
export function estimated(spread, r, draw) {
  const { d, keys: n, queries: m, columns } = SIZES;
  const entries = normals((m + n) * d, 11).map((z) => (spread * z) / d ** 0.25);
  const [q, k] = [entries.subarray(0, m * d), entries.subarray(m * d)];
  const values = normals(columns * n, 12); // (columns, n)
  const w = normals(MOST * d, 100 + draw).subarray(0, r * d);
  const exact = shares(products(q, k, d).map(Math.exp), n);
  const found = shares(products(featuresOf(q, w, d), featuresOf(k, w, d), r), n);
  const even = new Float64Array(m * n).fill(1 / n);
  const [right, pooled, plain] = [exact, found, even].map((weights) => products(weights, values, n));
  return { exact: exact.subarray(0, n), found: found.subarray(0, n), error: distance(pooled, right) / distance(plain, right) };
}
