// What the small transformers of chapter 9 were trained on, and the best answers, as d2lmini/in_context.py has them. No DOM.
import { uniform } from "./maths.js";
import { normals } from "./features.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {{ curve: number[], data_keys: number[], data_values: number[] }} Problem */

const SMOOTH = { length: 0.8, noise: 0.3 };
const TERMS = 40; // of the series: those left out are below 1e-9 for |x| up to 2
const LETTERS = 8;
const PRIOR = 0.3; // of each letter, before any is counted

/** Height at x of the curve with these coefficients: e^(−x²/2ℓ²) Σ c_k (x/ℓ)^k / √k!. With independent normal coefficients
 *  its covariance is e^(−(x − x')²/2ℓ²): the series of e^(xx'/ℓ²). @param {Numbers} coefficients @param {number} x */
export function curveAt(coefficients, x) {
  const u = x / SMOOTH.length;
  let [sum, term] = [0, Math.exp(-0.5 * u * u)];
  for (let k = 0; k < coefficients.length; k++) {
    sum += coefficients[k] * term;
    term *= u / Math.sqrt(k + 1);
  }
  return sum;
}

/** A new curve and noisy points of it, all inside the ranges. @param {number} count @param {number[]} domain
 *  @param {number[]} valueRange @param {number} seed @returns {Problem} */
export function drawProblem(count, [low, high], [bottom, top], seed) {
  for (let attempt = seed; ; attempt += 100_000) {
    const random = normals(TERMS + count, attempt);
    const next = uniform(attempt + 50_000);
    const curve = Array.from(random.subarray(0, TERMS));
    const keys = Array.from({ length: count }, () => low + (high - low) * next()).sort((a, b) => a - b);
    const values = keys.map((key, i) => curveAt(curve, key) + SMOOTH.noise * random[TERMS + i]);
    const heights = [...values, ...Array.from({ length: 41 }, (_, i) => curveAt(curve, low + ((high - low) * i) / 40))];
    if (heights.every((height) => height > bottom && height < top)) return { curve, data_keys: keys, data_values: values };
  }
}

/** The posterior mean (m) at the queries: nobody who knows only the points can predict better.
 *  @param {Numbers} queries @param {Numbers} keys @param {Numbers} values */
export function bestCurve(queries, keys, values) {
  const n = keys.length;
  const near = (/** @type {number} */ a, /** @type {number} */ b) => Math.exp(-0.5 * ((a - b) / SMOOTH.length) ** 2);
  const root = Array.from({ length: n }, () => new Float64Array(n)); // Cholesky, row by row
  const solved = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = near(keys[i], keys[j]) + (i === j ? SMOOTH.noise ** 2 : 0);
      for (let c = 0; c < j; c++) rest -= root[i][c] * root[j][c];
      root[i][j] = i === j ? Math.sqrt(rest) : rest / root[j][j];
    }
    let rest = values[i];
    for (let c = 0; c < i; c++) rest -= root[i][c] * solved[c];
    solved[i] = rest / root[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let r = i + 1; r < n; r++) solved[i] -= root[r][i] * solved[r];
    solved[i] /= root[i][i];
  }
  return Float64Array.from(queries, (query) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += near(query, keys[i]) * solved[i];
    return sum;
  });
}

/** Probabilities (8) of the letter after `letters[at]`: counts of what followed it so far, and 0.3 of each letter.
 *  @param {Numbers} letters @param {number} at */
export function bestLetters(letters, at) {
  const counts = new Float64Array(LETTERS).fill(PRIOR);
  let total = LETTERS * PRIOR;
  for (let j = 0; j < at; j++) {
    if (letters[j] !== letters[at]) continue;
    counts[letters[j + 1]] += 1;
    total += 1;
  }
  return counts.map((count) => count / total);
}

/** A new text: each letter is drawn from the best prediction of it, which is as if a grammar had been drawn first and the
 *  letters from that. @param {number} length @param {number} seed */
export function drawText(length, seed) {
  const next = uniform(seed);
  const letters = [Math.floor(LETTERS * next())];
  while (letters.length < length) {
    const chances = bestLetters(letters, letters.length - 1);
    let [rest, letter] = [next(), 0];
    while (letter < LETTERS - 1 && rest >= chances[letter]) rest -= chances[letter++];
    letters.push(letter);
  }
  return letters;
}

/** The smoother over pairs of letters: key = the letter before, value = the letter, both one-hot, a Gaussian kernel of width
 *  sigma. Weights (at + 1) of the positions that hold the values (none on the first) and probabilities (8), NaN at the start.
 *  @param {Numbers} letters @param {number} at @param {number} sigma */
export function pairSmoother(letters, at, sigma) {
  const other = Math.exp(-1 / sigma ** 2); // two different letters are √2 apart
  let equal = false;
  for (let j = 0; j < at; j++) equal ||= letters[j] === letters[at];
  const weights = new Float64Array(at + 1);
  let total = 0;
  for (let j = 1; j <= at; j++) total += (weights[j] = letters[j - 1] === letters[at] || !equal ? 1 : other);
  const probabilities = new Float64Array(LETTERS).fill(at ? 0 : NaN);
  for (let j = 1; j <= at; j++) probabilities[letters[j]] += (weights[j] /= total);
  return { weights, probabilities };
}

/** What the weights (at + 1) of a head at a letter lie on: the share on the first letter, on the letter before, on letters
 *  that followed an earlier one of the same kind; and how much of their squared deviation from equal weights is told by
 *  whether they did. @param {Numbers} weights @param {Numbers} letters @param {number} at */
export function heardFrom(weights, letters, at) {
  let [followers, count, spread] = [0, 0, 0];
  for (let j = 0; j <= at; j++) {
    spread += (weights[j] - 1 / (at + 1)) ** 2;
    if (j === 0 || letters[j - 1] !== letters[at]) continue;
    followers += weights[j];
    count += 1;
  }
  const others = at + 1 - count;
  const between = count && others ? (followers - count / (at + 1)) ** 2 * (1 / count + 1 / others) : 0;
  return { first: weights[0], before: at ? weights[at - 1] : 0, followers, count, told: spread > 0 ? between / spread : 0 };
}
