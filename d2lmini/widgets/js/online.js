// The softmax average in one pass: a running maximum, numerator and denominator. No DOM, so that node can test it.

/** @typedef {import("./maths.js").Numbers} Numbers */
/** What is kept of the keys read so far: the largest score M, and the sums of e^(s − M) v and of e^(s − M).
 *  @typedef {{ M: number, N: number, D: number }} Sums */

/** Of no key. @type {Sums} */
export const NOTHING_READ = { M: -Infinity, N: 0, D: 0 };

/** Gaussian scores of one query. @param {number} query @param {Numbers} keys @param {number} sigma */
export function scoresOf(query, keys, sigma) {
  return Float64Array.from(keys, (key) => -0.5 * ((query - key) / sigma) ** 2);
}

/** The state of keys [from, to). @param {Numbers} scores @param {Numbers} values @param {number} from @param {number} to */
export function sumsOf(scores, values, from, to) {
  let M = -Infinity;
  for (let i = from; i < to; i++) M = Math.max(M, scores[i]);
  let [N, D] = [0, 0];
  for (let i = from; i < to; i++) {
    const kernel = Math.exp(scores[i] - M);
    N += kernel * values[i];
    D += kernel;
  }
  return { M, N, D };
}

/** Two states as one. @param {Sums} one @param {Sums} other @returns {Sums} */
export function merge(one, other) {
  if (!one.D || !other.D) return one.D ? one : other;
  const M = Math.max(one.M, other.M);
  const [first, second] = [Math.exp(one.M - M), Math.exp(other.M - M)];
  return { M, N: first * one.N + second * other.N, D: first * one.D + second * other.D };
}

/** A pass over the first `blocks` blocks of keys, in the order in which they stand: the state, the factor by which the last
 *  block multiplied the sums before it (NaN if there are none), and what sums without a maximum would hold.
 *  @param {Numbers} scores @param {Numbers} values @param {number} size @param {number} blocks */
export function pass(scores, values, size, blocks) {
  const n = scores.length;
  let [state, factor] = [NOTHING_READ, NaN];
  for (let b = 0; b < blocks; b++) {
    const before = state;
    state = merge(state, sumsOf(scores, values, b * size, Math.min(n, (b + 1) * size)));
    factor = before.D ? Math.exp(before.M - state.M) : NaN;
  }
  const plain = { N: 0, D: 0 };
  const read = Math.min(n, blocks * size);
  for (let i = 0; i < read; i++) {
    const kernel = Math.exp(scores[i]);
    plain.N += kernel * values[i];
    plain.D += kernel;
  }
  return { ...state, factor, plain, read };
}
