// The regression model of chapter 9: its forward pass, the best possible prediction, and the Gaussian that comes nearest
// to a row of weights. No DOM, so that node can test it.
import { effectiveNumber } from "./maths.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {{ weight: Float64Array, bias?: Float64Array }} Linear */
/** @typedef {{ query: Linear, key: Linear, value: Linear, out: Linear, up: Linear, down: Linear }} Layer */
/** @typedef {{ first: Linear, second: Linear, layers: Layer[], read: Linear }} Model */
/** What a model keeps of the points: for each layer the keys and values of all heads, (n, 32) each.
 *  @typedef {{ n: number, sharp: number, keys: Float64Array[], values: Float64Array[] }} Prompt */

const [WIDTH, HEADS, LAYERS] = [32, 2, 2];
const SIZE = WIDTH / HEADS;
const EPSILON = 1e-5; // of the layer norm, as in PyTorch
const SMOOTHNESS = 0.8; // of the curves: d2lmini.in_context
const NOISE_SD = 0.3;

/** Half-precision numbers in base64. @param {string} text */
export function halves(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return Float64Array.from(new Uint16Array(bytes.buffer), (half) => {
    const [sign, exponent, rest] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
  });
}

/** The model from its numbers, in the order in which PyTorch keeps them. @param {Float64Array} numbers @returns {Model} */
export function modelOf(numbers) {
  let at = 0;
  const take = (/** @type {number} */ count) => numbers.subarray(at, (at += count));
  const linear = (/** @type {number} */ from, /** @type {number} */ to, bias = true) => (
    { weight: take(from * to), bias: bias ? take(to) : undefined });
  const [first, second] = [linear(3, WIDTH), linear(WIDTH, WIDTH)];
  const layers = Array.from({ length: LAYERS }, () => {
    const [query, key, value, out] = Array.from({ length: 4 }, () => linear(WIDTH, WIDTH, false));
    return { query, key, value, out, up: linear(WIDTH, 2 * WIDTH), down: linear(2 * WIDTH, WIDTH) };
  });
  const read = linear(WIDTH, 1);
  if (at !== numbers.length) throw new Error(`the model has ${at} numbers, ${numbers.length} are given`);
  return { first, second, layers, read };
}

/** weight · x + bias. @param {Linear} map @param {Numbers} x */
function apply({ weight, bias }, x) {
  const [from, to] = [x.length, weight.length / x.length];
  const y = new Float64Array(to);
  for (let j = 0, at = 0; j < to; j++) {
    let sum = bias ? bias[j] : 0;
    for (let i = 0; i < from; i++, at++) sum += weight[at] * x[i];
    y[j] = sum;
  }
  return y;
}

/** @param {Float64Array} x */
const relu = (x) => x.map((t) => Math.max(t, 0));

/** Mean 0 and variance 1 over the components. @param {Float64Array} x */
function normed(x) {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, t) => sum + (t - mean) ** 2, 0) / x.length;
  return x.map((t) => (t - mean) / Math.sqrt(variance + EPSILON));
}

/** A token: a point (x, y), or a query, which has no value. @param {Model} model @param {number[]} features */
const embed = (model, features) => apply(model.second, relu(apply(model.first, features)));

/** One token through one layer that looks at the points: the token, and the weights of each head, (n,).
 *  @param {Layer} layer @param {Float64Array} x @param {Float64Array} z normed @param {number} n @param {number} sharp
 *  @param {Float64Array} keys @param {Float64Array} values */
function through(layer, x, z, n, sharp, keys, values) {
  const q = apply(layer.query, z);
  const seen = new Float64Array(WIDTH);
  const heads = Array.from({ length: HEADS }, (_, h) => {
    const weights = new Float64Array(n);
    const from = h * SIZE;
    let top = -Infinity;
    for (let i = 0; i < n; i++) {
      let score = 0;
      for (let c = from; c < from + SIZE; c++) score += q[c] * keys[i * WIDTH + c];
      weights[i] = (sharp * score) / Math.sqrt(SIZE);
      top = Math.max(top, weights[i]);
    }
    let total = 0;
    for (let i = 0; i < n; i++) total += (weights[i] = Math.exp(weights[i] - top));
    for (let i = 0; i < n; i++) {
      weights[i] /= total;
      for (let c = from; c < from + SIZE; c++) seen[c] += weights[i] * values[i * WIDTH + c];
    }
    return weights;
  });
  const added = apply(layer.out, seen);
  const y = x.map((t, i) => t + added[i]);
  const more = apply(layer.down, relu(apply(layer.up, normed(y))));
  return { x: y.map((t, i) => t + more[i]), heads };
}

/** Show the model its points; `sharp` multiplies the scores of all heads, 1 over the temperature.
 *  @param {Model} model @param {Numbers} places @param {Numbers} heights @param {number} sharp @returns {Prompt} */
export function shown(model, places, heights, sharp = 1) {
  const n = places.length;
  /** @type {Prompt} */
  const prompt = { n, sharp, keys: [], values: [] };
  let tokens = Array.from(places, (x, i) => embed(model, [x, heights[i], 0]));
  for (const layer of model.layers) {
    const normal = tokens.map(normed);
    const [keys, values] = [layer.key, layer.value].map((map) => {
      const all = new Float64Array(n * WIDTH);
      normal.forEach((z, i) => all.set(apply(map, z), i * WIDTH));
      return all;
    });
    prompt.keys.push(keys);
    prompt.values.push(values);
    if (prompt.keys.length === LAYERS) break; // nobody looks at the points again
    tokens = tokens.map((x, i) => through(layer, x, normal[i], n, sharp, keys, values).x);
  }
  return prompt;
}

/** The model's prediction at a query, and the weights of its heads: heads[layer][head] (n,).
 *  @param {Model} model @param {Prompt} prompt @param {number} query */
export function answered(model, { n, sharp, keys, values }, query) {
  let x = embed(model, [query, 0, 1]);
  const heads = model.layers.map((layer, number) => {
    const done = through(layer, x, normed(x), n, sharp, keys[number], values[number]);
    x = done.x;
    return done.heads;
  });
  return { prediction: apply(model.read, normed(x))[0], heads };
}

/** How the heights of a curve at two places go together. @param {number} a @param {number} b */
const covariance = (a, b) => Math.exp(-0.5 * ((a - b) / SMOOTHNESS) ** 2);

/** The best possible prediction, the posterior mean, as a function of the query.
 *  @param {Numbers} places @param {Numbers} heights */
export function bestCurve(places, heights) {
  const n = places.length;
  const root = Array.from({ length: n }, () => new Float64Array(n)); // Cholesky: root · rootᵀ
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = covariance(places[i], places[j]) + (i === j ? NOISE_SD ** 2 : 0);
      for (let l = 0; l < j; l++) sum -= root[i][l] * root[j][l];
      root[i][j] = i === j ? Math.sqrt(sum) : sum / root[j][j];
    }
  }
  const solved = Float64Array.from(heights);
  for (let i = 0; i < n; i++) {
    for (let l = 0; l < i; l++) solved[i] -= root[i][l] * solved[l];
    solved[i] /= root[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let l = i + 1; l < n; l++) solved[i] -= root[l][i] * solved[l];
    solved[i] /= root[i][i];
  }
  return (/** @type {number} */ query) => solved.reduce((sum, a, i) => sum + a * covariance(query, places[i]), 0);
}

const FIRST_WIDTHS = Array.from({ length: 80 }, (_, i) => 0.005 * 2000 ** (i / 79)); // of the range of the keys
const STEP = FIRST_WIDTHS[1] / FIRST_WIDTHS[0];

/** Gaussian weights of a query. @param {Numbers} gaps @param {number} sigma */
function gaussian(gaps, sigma) {
  const nearest = Math.min(...Array.from(gaps));
  const kernel = Float64Array.from(gaps, (gap) => Math.exp((-0.5 * (gap - nearest) * (gap + nearest)) / sigma ** 2));
  const total = kernel.reduce((a, b) => a + b);
  return kernel.map((k) => k / total);
}

/** The Gaussian whose weights come nearest to those of one row, least squares: its width and weights, and the share of
 *  the row's squared deviation from 1/n that it explains. As d2lmini.reading_heads.read_head.
 *  @param {Numbers} weights @param {number} query @param {Numbers} keys */
export function nearestGaussian(weights, query, keys) {
  const [places, n] = [Array.from(keys), keys.length];
  const gaps = Float64Array.from(places, (key) => Math.abs(query - key));
  const range = Math.max(...places) - Math.min(...places);
  const missed = (/** @type {Numbers} */ others) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (weights[i] - others[i]) ** 2;
    return sum;
  };
  const best = (/** @type {number[]} */ widths) => {
    const misses = widths.map((sigma) => missed(gaussian(gaps, sigma)));
    const least = misses.indexOf(Math.min(...misses));
    return { sigma: widths[least], miss: misses[least] };
  };
  const near = best(FIRST_WIDTHS.map((width) => width * range)).sigma;
  const { sigma, miss } = best(Array.from({ length: 21 }, (_, i) => near * STEP ** (i / 10 - 1)));
  const spread = missed(new Float64Array(n).fill(1 / n));
  return {
    sigma, weights: gaussian(gaps, sigma), fit: spread > 0 ? 1 - miss / spread : 1, effective: effectiveNumber(weights),
  };
}
