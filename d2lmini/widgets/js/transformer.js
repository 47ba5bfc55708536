// The two small transformers of chapter 9, as d2lmini/small_transformer.py has them. No DOM, so that node can test them.

/** @typedef {import("./maths.js").Numbers} Numbers */
/** Keys and values of a layer, (n, 32) each. @typedef {{ keys: Float64Array, values: Float64Array }} Memory */
/** The numbers of a model by their names in PyTorch; matrices stand row by row. @typedef {Record<string, Float64Array>} Model */

export const ARCHITECTURE = { width: 32, heads: 2, layers: 2, letters: 8, length: 64 };
const { width: TOKEN, heads: HEADS, layers: LAYERS, letters: ALPHABET } = ARCHITECTURE;
const HEAD = TOKEN / HEADS; // numbers of a token that a head sees

/** The number in half precision. @param {number} half its 16 bits */
function halfToNumber(half) {
  const [sign, exponent, rest] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

/** The model in a run of little-endian float16, one tensor after the other: `sizes` are their names and lengths.
 *  @param {DataView} bytes @param {[string, number][]} sizes @returns {Model} */
export function unpack(bytes, sizes) {
  let at = 0;
  return Object.fromEntries(sizes.map(([name, size]) => {
    const numbers = Float64Array.from({ length: size }, (_, i) => halfToNumber(bytes.getUint16(at + 2 * i, true)));
    at += 2 * size;
    return [name, numbers];
  }));
}

/** x W^T + b: rows of x (·, inputs) by a matrix (outputs, inputs). @param {Float64Array} x @param {Float64Array} matrix
 *  @param {number} inputs @param {Float64Array} [bias] */
function linear(x, matrix, inputs, bias) {
  const [rows, outputs] = [x.length / inputs, matrix.length / inputs];
  const found = new Float64Array(rows * outputs);
  const whole = rows - (rows % 4);
  for (let r = 0; r < whole; r += 4) { // four rows at once: each number of the matrix is fetched once for them
    const [first, second, third, fourth] = [r * inputs, (r + 1) * inputs, (r + 2) * inputs, (r + 3) * inputs];
    for (let o = 0; o < outputs; o++) {
      const b = bias ? bias[o] : 0;
      let [s, t, u, v] = [b, b, b, b];
      for (let c = 0, at = o * inputs; c < inputs; c++, at++) {
        const w = matrix[at];
        s += w * x[first + c];
        t += w * x[second + c];
        u += w * x[third + c];
        v += w * x[fourth + c];
      }
      found[r * outputs + o] = s;
      found[(r + 1) * outputs + o] = t;
      found[(r + 2) * outputs + o] = u;
      found[(r + 3) * outputs + o] = v;
    }
  }
  for (let r = whole; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias[o] : 0;
      for (let c = 0; c < inputs; c++) sum += x[r * inputs + c] * matrix[o * inputs + c];
      found[r * outputs + o] = sum;
    }
  }
  return found;
}

/** Adds y to x, in place. @param {Float64Array} x @param {Float64Array} y */
function add(x, y) {
  for (let i = 0; i < x.length; i++) x[i] += y[i];
  return x;
}

/** Negative numbers become 0, in place. @param {Float64Array} x */
function relu(x) {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
  return x;
}

/** Each token with mean 0 and variance 1, as PyTorch's layer_norm without scale and shift. @param {Float64Array} x */
function normed(x) {
  const found = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += TOKEN) {
    let [mean, variance] = [0, 0];
    for (let c = from; c < from + TOKEN; c++) mean += x[c] / TOKEN;
    for (let c = from; c < from + TOKEN; c++) variance += (x[c] - mean) ** 2 / TOKEN;
    const scale = 1 / Math.sqrt(variance + 1e-5);
    for (let c = from; c < from + TOKEN; c++) found[c] = (x[c] - mean) * scale;
  }
  return found;
}

/** The heads' weights of one query row over the keys [0, seen), written to `row`: softmax of the scores over the temperature.
 *  @param {Float64Array} q @param {number} from where the head's part of the query starts @param {Float64Array} keys
 *  @param {number} shift where the head's part of a key starts @param {number} seen @param {Float64Array} row
 *  @param {number} temperature @param {(j: number) => number} bias */
function softmaxRow(q, from, keys, shift, seen, row, temperature, bias) {
  let most = -Infinity;
  for (let j = 0; j < seen; j++) {
    let dot = 0;
    for (let c = 0; c < HEAD; c++) dot += q[from + c] * keys[j * TOKEN + shift + c];
    row[j] = (dot / Math.sqrt(HEAD) + bias(j)) / temperature;
    most = Math.max(most, row[j]);
  }
  let total = 0;
  for (let j = 0; j < seen; j++) total += (row[j] = Math.exp(row[j] - most));
  for (let j = 0; j < seen; j++) row[j] /= total;
}

const NO_BIAS = () => 0;

/** One layer over the tokens x (m, 32): they attend to `memory`, which is made of themselves if it is not given. With kernels
 *  of the distance in positions (the text) a token sees itself and those before it; without (the points) all that there is.
 *  Returns the tokens, the memory, and the weights, (2, m, n).
 *  @param {Model} model @param {number} index @param {Float64Array} x @param {number} temperature @param {Memory} [memory] */
function layer(model, index, x, temperature, memory) {
  const of = (/** @type {string} */ name) => model[`layers.${index}.${name}`];
  const z = normed(x);
  const q = linear(z, of("query.weight"), TOKEN);
  const { keys, values } = memory ?? {
    keys: linear(z, of("key.weight"), TOKEN), values: linear(z, of("value.weight"), TOKEN),
  };
  const [m, n, reach] = [x.length / TOKEN, keys.length / TOKEN, of("log_position")];
  const weights = new Float64Array(HEADS * m * n);
  const mixed = new Float64Array(x.length);
  for (let h = 0; h < HEADS; h++) {
    for (let i = 0; i < m; i++) {
      const row = weights.subarray((h * m + i) * n, (h * m + i + 1) * n);
      const bias = reach ? (/** @type {number} */ j) => reach[h * ARCHITECTURE.length + i - j] : NO_BIAS;
      const [seen, to] = [reach ? i + 1 : n, i * TOKEN + h * HEAD];
      softmaxRow(q, to, keys, h * HEAD, seen, row, temperature, bias);
      for (let j = 0; j < seen; j++) {
        for (let c = 0; c < HEAD; c++) mixed[to + c] += row[j] * values[j * TOKEN + h * HEAD + c];
      }
    }
  }
  const after = add(linear(mixed, of("out.weight"), TOKEN), x);
  const inside = relu(linear(normed(after), of("up.weight"), TOKEN, of("up.bias")));
  return { x: add(linear(inside, of("down.weight"), 2 * TOKEN, of("down.bias")), after), memory: { keys, values }, weights };
}

/** Tokens (·, 3) of points (x, y, 0) or queries (x, 0, 1), embedded. @param {Model} model @param {Numbers} x
 *  @param {Numbers | null} y null for queries */
function embedded(model, x, y) {
  const tokens = new Float64Array(3 * x.length);
  for (let i = 0; i < x.length; i++) tokens.set(y ? [x[i], y[i], 0] : [x[i], 0, 1], 3 * i);
  return linear(relu(linear(tokens, model["embed.0.weight"], 3, model["embed.0.bias"])),
    model["embed.2.weight"], TOKEN, model["embed.2.bias"]);
}

/** What the points are to the layers: a memory each, and the weights with which the points see each other, (2, n, n).
 *  @param {Model} model @param {Numbers} keys @param {Numbers} values @param {number} temperature */
export function readPoints(model, keys, values, temperature = 1) {
  /** @type {Float64Array} */
  let x = embedded(model, keys, values);
  return Array.from({ length: LAYERS }, (_, index) => {
    const done = layer(model, index, x, temperature);
    x = done.x;
    return { memory: done.memory, weights: done.weights };
  });
}

/** Predictions (m) at the queries, and their weights over the points, (2, m, n) for each layer.
 *  @param {Model} model @param {ReturnType<typeof readPoints>} points @param {Numbers} queries @param {number} temperature */
export function ask(model, points, queries, temperature = 1) {
  /** @type {Float64Array} */
  let x = embedded(model, queries, null);
  const weights = points.map(({ memory }, index) => {
    const done = layer(model, index, x, temperature, memory);
    x = done.x;
    return done.weights;
  });
  return { predictions: linear(normed(x), model["read.weight"], TOKEN, model["read.bias"]), weights };
}

/** Probabilities of the next letter after each, (n, 8), and the weights (2, n, n) of each layer.
 *  @param {Model} model @param {Numbers} letters from 0 to 7, at most 64 @param {number} temperature */
export function readText(model, letters, temperature = 1) {
  const n = letters.length;
  /** @type {Float64Array} */
  let x = new Float64Array(n * TOKEN);
  for (let i = 0; i < n; i++) x.set(model["embed.weight"].subarray(letters[i] * TOKEN, (letters[i] + 1) * TOKEN), i * TOKEN);
  const weights = Array.from({ length: LAYERS }, (_, index) => {
    const done = layer(model, index, x, temperature);
    x = done.x;
    return done.weights;
  });
  const probabilities = linear(normed(x), model["read.weight"], TOKEN, model["read.bias"]);
  for (let i = 0; i < n; i++) softmax(probabilities.subarray(i * ALPHABET, (i + 1) * ALPHABET));
  return { probabilities, weights };
}

/** In place. @param {Float64Array} scores */
function softmax(scores) {
  const most = Math.max(...scores);
  let total = 0;
  for (let i = 0; i < scores.length; i++) total += (scores[i] = Math.exp(scores[i] - most));
  for (let i = 0; i < scores.length; i++) scores[i] /= total;
}

/** The weights of one query of one head. @param {Float64Array} weights (2, m, n) @param {number} head @param {number} i
 *  @param {number} m @param {number} n */
export function rowOf(weights, head, i, m, n) {
  return weights.slice((head * m + i) * n, (head * m + i + 1) * n);
}

/** Widths that are tried first, in units of the range of the keys, and shares of a step around the best of them that are
 *  tried next: those of d2lmini.reading_heads. */
const WIDTHS = Float64Array.from({ length: 80 }, (_, i) => 0.005 * 2000 ** (i / 79));
const NEARBY = Float64Array.from({ length: 21 }, (_, i) => (WIDTHS[1] / WIDTHS[0]) ** (i / 10 - 1));

/** Gaussian weights of one query. @param {number} query @param {Numbers} keys @param {number} sigma */
export function gaussianWeights(query, keys, sigma) {
  return gaussianRow(Float64Array.from(keys, (key) => (query - key) ** 2), sigma, new Float64Array(keys.length));
}

/** Writes the Gaussian weights of keys at these squared distances to `row`. @param {Float64Array} squares
 *  @param {number} sigma @param {Float64Array} row */
function gaussianRow(squares, sigma, row) {
  let [least, total] = [Infinity, 0];
  for (let j = 0; j < squares.length; j++) if (squares[j] < least) least = squares[j];
  for (let j = 0; j < squares.length; j++) total += (row[j] = Math.exp((least - squares[j]) / (2 * sigma * sigma)));
  for (let j = 0; j < squares.length; j++) row[j] /= total;
  return row;
}

/** One query's weights read as a smoother (`reading_heads.read_head`): the Gaussian width that fits them best, NaN where the
 *  widest does; the share of their squared deviation from 1/n that it explains; the mean distance of what is heard.
 *  @param {Numbers} weights @param {number} query @param {Numbers} keys */
export function readHead(weights, query, keys) {
  const n = keys.length;
  let [low, high, distance, spread] = [Infinity, -Infinity, 0, 0];
  for (let j = 0; j < n; j++) {
    [low, high] = [Math.min(low, keys[j]), Math.max(high, keys[j])];
    distance += weights[j] * Math.abs(query - keys[j]);
    spread += (weights[j] - 1 / n) ** 2;
  }
  if (low === high) return { sigma: NaN, fit: NaN, distance };
  const squares = Float64Array.from(keys, (key) => (query - key) ** 2);
  const guess = new Float64Array(n);
  const missed = (/** @type {number} */ sigma) => {
    gaussianRow(squares, sigma, guess);
    let miss = 0;
    for (let j = 0; j < n; j++) miss += (weights[j] - guess[j]) ** 2;
    return miss;
  };
  const best = (/** @type {Float64Array} */ widths) => {
    const misses = widths.map(missed);
    const least = misses.indexOf(Math.min(...misses));
    return { least, sigma: widths[least], miss: misses[least] };
  };
  const rough = best(WIDTHS.map((width) => width * (high - low)));
  const { sigma, miss } = best(NEARBY.map((factor) => factor * rough.sigma));
  return { sigma: rough.least === WIDTHS.length - 1 ? NaN : sigma, fit: spread > 0 ? 1 - miss / spread : 1, distance };
}
