// Self-attention over points in the plane, which are queries, keys and values at once. No DOM.
import { KERNELS, uniform } from "./maths.js";

/** @typedef {number[]} Point of two coordinates */
/** @typedef {"dot-product" | "rbf" | "cosine"} Similarity */
/** @typedef {"none" | "causal" | "window"} MaskName */
/** @typedef {"none" | "gaussian" | "laplace"} PositionName */
/** `reach` of the window, `positionSigma` of the positional kernel.
 *  @typedef {{ sigma: number, kernel: Similarity, mask: MaskName, reach: number, positions: PositionName,
 *    positionSigma: number }} Setting */

/** Similarities of a query and a key; divided by sigma^2 they are scores. Nothing is similar in angle to the origin.
 *  @type {Record<Similarity, (q: Point, k: Point) => number>} */
export const SIMILARITIES = {
  "dot-product": (q, k) => inner(q, k),
  rbf: (q, k) => -((q[0] - k[0]) ** 2 + (q[1] - k[1]) ** 2) / 2,
  cosine: (q, k) => inner(q, k) / (Math.hypot(q[0], q[1]) * Math.hypot(k[0], k[1]) || 1),
};

/** Whether the query at position i may see the key at position j.
 *  @type {Record<MaskName, (i: number, j: number, reach: number) => boolean>} */
export const MASKS = {
  none: () => true,
  causal: (i, j) => j <= i,
  window: (i, j, reach) => Math.abs(i - j) <= reach,
};

/** @param {Point} a @param {Point} b */
const inner = (a, b) => a[0] * b[0] + a[1] * b[1];

/** Weights, one row for each query: a softmax of the scores plus the log of the positional kernel; hidden keys get 0.
 *  @param {Point[]} points @param {Setting} setting @returns {number[][]} */
export function selfAttention(points, { sigma, kernel, mask, reach, positions, positionSigma }) {
  const factor = positions === "none" ? () => 0 : KERNELS[positions].score;
  return points.map((query, i) => {
    const scores = points.map((key, j) => {
      if (!MASKS[mask](i, j, reach)) return -Infinity;
      return SIMILARITIES[kernel](query, key) / sigma / sigma + factor(Math.abs(i - j) / positionSigma);
    });
    const most = Math.max(...scores);
    const terms = scores.map((score) => Math.exp(score - most));
    const total = terms.reduce((sum, term) => sum + term, 0);
    return terms.map((term) => term / total);
  });
}

/** Weighted mean of the points under each row of weights.
 *  @param {number[][]} weights @param {Point[]} points @returns {Point[]} */
export function outputsOf(weights, points) {
  return weights.map((row) => row.reduce(
    ([x, y], weight, j) => [x + weight * points[j][0], y + weight * points[j][1]], [0, 0],
  ));
}

/** The largest difference between two matrices. @param {number[][]} a @param {number[][]} b */
export function largestDifference(a, b) {
  return Math.max(...a.flatMap((row, i) => row.map((number, j) => Math.abs(number - b[i][j]))));
}

/** The points moved along their rays to length 1; the origin goes to (1, 0). @param {Point[]} points @returns {Point[]} */
export function onCircle(points) {
  return points.map(([x, y]) => {
    const length = Math.hypot(x, y);
    return length > 0 ? [x / length, y / length] : [1, 0];
  });
}

/** Seeded permutation of 0 … n − 1 that moves something. @param {number} n @param {number} seed */
export function shuffled(n, seed) {
  const next = uniform(seed);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.every((place, i) => place === i) ? [...order.slice(1), order[0]] : order;
}
