// The mathematics of the explorers: no DOM, so that node can test it against Python.

/** @typedef {ArrayLike<number>} Numbers */
/** @typedef {"gaussian" | "boxcar" | "constant" | "triangular" | "epanechnikov" | "tricube" | "laplace"} KernelName */
/**
 * What is done with the terms of one query, which are weights but for a factor: those of the sorted keys in [from, to)
 * stand in row, the rest are 0; total is their sum, mean that of the values weighted by them (NaN if there is none),
 * peak the largest, unit what a term of 1 is in units of K(0).
 * @callback Visit
 * @param {number} j
 * @param {Float64Array} row
 * @param {{ from: number, to: number, total: number, mean: number, peak: number, unit: number }} sums
 * @returns {void}
 */

/** @param {number} u */
const inside = (u) => u <= 1;

/**
 * score(u) = log K(u), u >= 0; support in units of sigma; sd of the kernel as a density.
 * @type {Record<KernelName, { score: (u: number) => number, support: number, sd: number | null }>}
 */
export const KERNELS = {
  gaussian: { score: (u) => -0.5 * u * u, support: Infinity, sd: 1 },
  boxcar: { score: (u) => (inside(u) ? 0 : -Infinity), support: 1, sd: 1 / Math.sqrt(3) },
  constant: { score: () => 0, support: Infinity, sd: null },
  triangular: { score: (u) => (inside(u) ? Math.log(1 - u) : -Infinity), support: 1, sd: 1 / Math.sqrt(6) },
  epanechnikov: {
    score: (u) => (inside(u) ? Math.log(0.75 * (1 - u * u)) : -Infinity),
    support: 1,
    sd: 1 / Math.sqrt(5),
  },
  tricube: {
    score: (u) => (inside(u) ? 3 * Math.log(1 - u ** 3) : -Infinity),
    support: 1,
    sd: Math.sqrt(35 / 243),
  },
  laplace: { score: (u) => -u, support: Infinity, sd: Math.SQRT2 },
};

export const KERNEL_NAMES = /** @type {KernelName[]} */ (Object.keys(KERNELS));

const TINY = 1e-150; // as a width as good as 0, and its square is still a number
const NEGLIGIBLE = 37; // e^-37 of the nearest key's weight is 9e-17: lost in any sum
// e^-x from a table at steps of 1/256 and the series from there: to 3e-16, in half the time of Math.exp
const [PER_UNIT, UNIT] = [256, 1 / 256];
const POWERS = Float64Array.from({ length: NEGLIGIBLE * PER_UNIT + 2 }, (_, i) => Math.exp(-i / PER_UNIT));

/** Each x of row[from … to) becomes e^-x, 0 where that is negligible.
 *  @param {Float64Array} row @param {number} from @param {number} to */
function decay(row, from, to) {
  for (let i = from; i < to; i++) {
    const x = row[i];
    if (!(x < NEGLIGIBLE)) {
      row[i] = 0;
      continue;
    }
    const step = (x * PER_UNIT + 0.5) | 0;
    const r = step * UNIT - x;
    row[i] = POWERS[step] * (1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r / 24))));
  }
}

/**
 * How each kernel fills row[from … to): kernels that never end in units of K(nearest / width), for K itself may
 * underflow; the others in units of K(0). One loop each: an indirect call for each key would cost more than K does.
 * @type {Record<KernelName, (row: Float64Array, keys: Float64Array, from: number, to: number, query: number,
 *   width: number, nearest: number) => void>}
 */
const FILL = {
  gaussian(row, keys, from, to, query, width, nearest) {
    const factor = 0.5 / Math.max(width, TINY) ** 2; // to divide each time would cost as much as the exponential
    for (let i = from; i < to; i++) {
      const d = Math.abs(query - keys[i]);
      row[i] = factor * (d - nearest) * (d + nearest);
    }
    decay(row, from, to);
  },
  laplace(row, keys, from, to, query, width, nearest) {
    const factor = 1 / Math.max(width, TINY);
    for (let i = from; i < to; i++) row[i] = factor * (Math.abs(query - keys[i]) - nearest);
    decay(row, from, to);
  },
  constant: (row, keys, from, to) => { row.fill(1, from, to); },
  boxcar(row, keys, from, to, query, width) {
    for (let i = from; i < to; i++) row[i] = inside(Math.abs(query - keys[i]) / width) ? 1 : 0;
  },
  triangular(row, keys, from, to, query, width) {
    for (let i = from; i < to; i++) row[i] = Math.max(0, 1 - Math.abs(query - keys[i]) / width);
  },
  epanechnikov(row, keys, from, to, query, width) {
    for (let i = from; i < to; i++) {
      const u = Math.abs(query - keys[i]) / width;
      row[i] = Math.max(0, 1 - u * u);
    }
  },
  tricube(row, keys, from, to, query, width) {
    for (let i = from; i < to; i++) {
      const u = Math.abs(query - keys[i]) / width;
      const rest = Math.max(0, 1 - u * u * u);
      row[i] = rest * rest * rest;
    }
  },
};

/** How far from the query a key can have a weight.
 *  @param {KernelName} kernel @param {number} nearest @param {number} width */
function reachOf(kernel, nearest, width) {
  if (kernel === "constant") return Infinity;
  const slack = 1 + 1e-12; // of rounding: who is inside is decided key by key
  if (kernel === "gaussian") return slack * Math.hypot(nearest, width * Math.sqrt(2 * NEGLIGIBLE));
  return slack * (kernel === "laplace" ? nearest + NEGLIGIBLE * width : width);
}

/** How many of the sorted keys are below x, or not above it with `included`.
 *  @param {Float64Array} keys @param {number} x */
function countBelow(keys, x, included = false) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle] < x || (included && keys[middle] === x)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The indices that sort the keys; null if they are sorted. @param {Numbers} keys @returns {Int32Array | null} */
export function orderOf(keys) {
  let i = 1;
  while (i < keys.length && keys[i - 1] <= keys[i]) i += 1;
  if (i >= keys.length) return null;
  return Int32Array.from(keys, (_, index) => index).sort((a, b) => keys[a] - keys[b]);
}

/** The numbers in that order. @param {Numbers} numbers @param {Int32Array | null} order @returns {Float64Array} */
export function inOrder(numbers, order) {
  if (order) return Float64Array.from(order, (i) => numbers[i]);
  return numbers instanceof Float64Array ? numbers : new Float64Array(numbers);
}

let scratch = new Float64Array(0); // a row, used again by every call: `visit` must not keep it

/**
 * Visit the terms of each query over the sorted keys. With `leftOut` the queries are the keys, none of which sees itself.
 * @param {Numbers} queries @param {Float64Array} keys @param {Float64Array} values @param {KernelName} kernel
 * @param {number} width @param {Visit} visit @param {boolean} leftOut
 */
export function eachRow(queries, keys, values, kernel, width, visit, leftOut = false) {
  if (scratch.length < keys.length) scratch = new Float64Array(keys.length);
  const [row, fill, endless] = [scratch, FILL[kernel], KERNELS[kernel].support === Infinity];
  for (let j = 0; j < queries.length; j++) {
    const query = queries[j];
    const right = leftOut ? j + 1 : countBelow(keys, query); // the next key on either side
    const left = leftOut ? j - 1 : right - 1;
    const before = left >= 0 ? query - keys[left] : Infinity;
    const after = right < keys.length ? keys[right] - query : Infinity;
    const nearest = Math.min(before, after);
    const reach = reachOf(kernel, nearest, width);
    const from = countBelow(keys, query - reach);
    const to = countBelow(keys, query + reach, true);
    fill(row, keys, from, to, query, width, nearest);
    if (leftOut && j < to) row[j] = 0;
    let total = 0;
    let sum = 0;
    for (let i = from; i < to; i++) {
      total += row[i];
      sum += row[i] * values[i];
    }
    const closest = before < after ? left : right;
    const peak = closest >= from && closest < to ? row[closest] : 0;
    const unit = endless ? Math.exp(KERNELS[kernel].score(nearest / width)) : 1;
    visit(j, row, { from, to, total, mean: total > 0 ? sum / total : NaN, peak, unit });
  }
}

/** Attention weights of one query over the keys: softmax of the scores; all zero where no key is in reach.
 *  @param {number} query @param {Numbers} keys @param {KernelName} kernel @param {number} sigma */
export function attentionWeights(query, keys, kernel, sigma) {
  const order = orderOf(keys);
  const weights = new Float64Array(keys.length);
  const places = inOrder(keys, order);
  eachRow([query], places, places, kernel, sigma, (_, row, { from, to, total }) => {
    if (total > 0) for (let i = from; i < to; i++) weights[order ? order[i] : i] = row[i] / total;
  });
  return weights;
}

/** Weighted mean of the values; NaN where the weights are all zero. @param {Numbers} weights @param {Numbers} values */
export function pool(weights, values) {
  let total = 0;
  let estimate = 0;
  for (let i = 0; i < values.length; i++) {
    total += weights[i];
    estimate += weights[i] * values[i];
  }
  return total > 0 ? estimate : NaN;
}

/**
 * A part of the matrix of weights: row r belongs to the query rows[r], column c to the sorted key columns[c]; the weights
 * are written there, row by row.
 * @typedef {{ rows: Int32Array, columns: Int32Array, weights: Float64Array }} Shown
 */

/** @type {Shown} */
const NOTHING = { rows: new Int32Array(0), columns: new Int32Array(0), weights: new Float64Array(0) };

/** The whole matrix, its columns as the keys stand. @param {Numbers} queries @param {Numbers} keys @returns {Shown} */
function wholeMatrix(queries, keys) {
  const [rows, columns] = [queries, keys].map((numbers) => Int32Array.from(numbers, (_, i) => i));
  orderOf(keys)?.forEach((i, place) => { columns[i] = place; });
  return { rows, columns, weights: new Float64Array(rows.length * columns.length) };
}

/** Estimates (m) at the queries, NaN where no key is in reach; the weights of what is shown; the largest of all weights.
 *  @param {Numbers} queries @param {Numbers} keys @param {Numbers} values @param {KernelName} kernel
 *  @param {number} sigma @param {Shown} shown */
export function nadarayaWatson(queries, keys, values, kernel, sigma, shown = wholeMatrix(queries, keys)) {
  const order = orderOf(keys);
  const { rows, columns, weights } = shown;
  const estimates = new Float64Array(queries.length);
  let [top, next] = [0, 0];
  eachRow(queries, inOrder(keys, order), inOrder(values, order), kernel, sigma, (j, row, { from, to, total, mean, peak }) => {
    estimates[j] = mean;
    const share = total > 0 ? 1 / total : 0;
    top = Math.max(top, peak * share);
    if (rows[next] !== j) return;
    const start = next * columns.length;
    for (let c = 0; c < columns.length; c++) {
      const i = columns[c];
      weights[start + c] = i >= from && i < to ? row[i] * share : 0;
    }
    next += 1;
  });
  return { estimates, weights, top };
}

/** Estimates (m) alone.
 *  @param {Numbers} queries @param {Numbers} keys @param {Numbers} values @param {KernelName} kernel
 *  @param {number} sigma */
export function estimatesAt(queries, keys, values, kernel, sigma) {
  if (kernel === "laplace") return laplaceEstimates(queries, keys, values, sigma);
  return nadarayaWatson(queries, keys, values, kernel, sigma, NOTHING).estimates;
}


/** The same for the Laplace kernel without a look at each key: going from key to key, all terms to one side decay alike.
 *  @param {Numbers} queries @param {Numbers} keys @param {Numbers} values @param {number} width */
function laplaceEstimates(queries, keys, values, width) {
  const order = orderOf(keys);
  const [places, heights] = [inOrder(keys, order), inOrder(values, order)];
  const n = places.length;
  // At key i: the terms up to it, and from it on, in units of its own; the values weighted by them.
  const [totalUp, sumUp, totalOn, sumOn] = Array.from({ length: 4 }, () => new Float64Array(n + 1));
  for (let i = 0; i < n; i++) {
    const fade = i ? Math.exp((places[i - 1] - places[i]) / width) : 0;
    totalUp[i + 1] = 1 + fade * totalUp[i];
    sumUp[i + 1] = heights[i] + fade * sumUp[i];
  }
  for (let i = n - 1; i >= 0; i--) {
    const fade = i + 1 < n ? Math.exp((places[i] - places[i + 1]) / width) : 0;
    totalOn[i] = 1 + fade * totalOn[i + 1];
    sumOn[i] = heights[i] + fade * sumOn[i + 1];
  }
  return Float64Array.from(queries, (query) => {
    const next = countBelow(places, query);
    const before = next > 0 ? query - places[next - 1] : Infinity;
    const after = next < n ? places[next] - query : Infinity;
    const nearest = Math.min(before, after);
    const [up, on] = [before, after].map((distance) => Math.exp((nearest - distance) / width));
    return (up * sumUp[next] + on * sumOn[next]) / (up * totalUp[next] + on * totalOn[next]);
  });
}

/** A key so light that fewer than this share of the weight is beside it: its row is summed again without a cutoff. */
const ALONE = 1e-3;
const LAST = 745; // e^-745 is the smallest number there is

/** The index of the largest of row[from … to). @param {Float64Array} row @param {{ from: number, to: number }} part */
function heaviestOf(row, { from, to }) {
  let heaviest = from;
  for (let i = from; i < to; i++) if (row[i] > row[heaviest]) heaviest = i;
  return heaviest;
}

/** The line fitted at a query with weights row[from … to), not yet normalised: its height there, its slope, and what tilts
 *  the weights: that of key i is row[i] / total · (1 − lean · (keys[i] − middle)). Places are taken from the nearest key,
 *  for a second key may weigh next to nothing and yet make the slope.
 *  @param {number} query @param {Float64Array} keys @param {Float64Array} values @param {Float64Array} row
 *  @param {{ from: number, to: number, total: number }} sums */
function lineThrough(query, keys, values, row, { from, to, total }) {
  const origin = keys[heaviestOf(row, { from, to })];
  let [middle, height] = [0, 0];
  for (let i = from; i < to; i++) {
    middle += row[i] * (keys[i] - origin);
    height += row[i] * values[i];
  }
  middle /= total; // from the origin, as all places below
  height /= total;
  let [spread, rise] = [0, 0];
  for (let i = from; i < to; i++) {
    const away = keys[i] - origin - middle;
    spread += row[i] * away * away;
    rise += row[i] * away * (values[i] - height);
  }
  const slope = spread > 0 ? rise / spread : 0;
  const off = middle + origin - query; // how far the keys in reach lean to one side
  const lean = spread > 0 ? (total * off) / spread : 0;
  return { estimate: height - slope * off, slope, lean, middle: origin + middle };
}

/** Visit the line of each query over the sorted keys, Gaussian weights; `row` as in eachRow.
 *  @param {Numbers} queries @param {Float64Array} keys @param {Float64Array} values @param {number} sigma
 *  @param {(j: number, line: ReturnType<typeof lineThrough>, row: Float64Array,
 *    sums: { from: number, to: number, total: number }) => void} visit */
function eachLine(queries, keys, values, sigma, visit) {
  const factor = 0.5 / Math.max(sigma, TINY) ** 2;
  eachRow(queries, keys, values, "gaussian", sigma, (j, row, sums) => {
    const query = queries[j];
    const origin = keys[heaviestOf(row, sums)];
    let { from, to, total } = sums;
    let beside = 0;
    for (let i = from; i < to; i++) if (keys[i] !== origin) beside += row[i];
    if (beside < ALONE * total) {
      const nearest = Math.abs(query - origin);
      const reach = Math.hypot(nearest, Math.sqrt(LAST / factor));
      [from, to, total] = [countBelow(keys, query - reach), countBelow(keys, query + reach, true), 0];
      for (let i = from; i < to; i++) {
        const d = Math.abs(query - keys[i]);
        row[i] = Math.exp(-factor * (d - nearest) * (d + nearest));
        total += row[i];
      }
    }
    visit(j, lineThrough(query, keys, values, row, { from, to, total }), row, { from, to, total });
  });
}

/** Local-linear estimates (m) at the queries, Gaussian kernel.
 *  @param {Numbers} queries @param {Numbers} keys @param {Numbers} values @param {number} sigma */
export function localLines(queries, keys, values, sigma) {
  const order = orderOf(keys);
  const estimates = new Float64Array(queries.length);
  eachLine(queries, inOrder(keys, order), inOrder(values, order), sigma, (j, line) => { estimates[j] = line.estimate; });
  return estimates;
}

/** The line at one query: its height there, its slope, and its weights over the keys, some of them negative.
 *  @param {number} query @param {Numbers} keys @param {Numbers} values @param {number} sigma */
export function localLine(query, keys, values, sigma) {
  const order = orderOf(keys);
  const places = inOrder(keys, order);
  const weights = new Float64Array(keys.length);
  let found = { estimate: NaN, slope: 0 };
  eachLine([query], places, inOrder(values, order), sigma, (_, { estimate, slope, lean, middle }, row, { from, to, total }) => {
    for (let i = from; i < to; i++) weights[order ? order[i] : i] = (row[i] / total) * (1 - lean * (places[i] - middle));
    found = { estimate, slope };
  });
  return { ...found, weights };
}

/** 1 / sum of squared weights: how many equally weighted keys would average as much. @param {Numbers} weights */
export function effectiveNumber(weights) {
  let squares = 0;
  for (let i = 0; i < weights.length; i++) squares += weights[i] ** 2;
  return squares > 0 ? 1 / squares : 0;
}

/** Over the estimates that there are; NaN if there is none. @param {Numbers} estimates @param {Numbers} truth */
export function meanSquaredError(estimates, truth) {
  let total = 0;
  let count = 0;
  for (let j = 0; j < truth.length; j++) {
    if (Number.isNaN(estimates[j])) continue;
    total += (estimates[j] - truth[j]) ** 2;
    count += 1;
  }
  return count ? total / count : NaN;
}

/** The noise-free functions of d2lmini.data, by the name of the sample. @type {Record<string, (x: number) => number>} */
export const TRUTHS = {
  sine_power: (x) => 2 * Math.sin(x) + x ** 0.8,
  sine: (x) => 2 * Math.sin(x),
  sine_linear: (x) => 2 * Math.sin(x) + x,
};

/** count numbers from low to high, both ends included. @param {number} low @param {number} high @param {number} count */
export function grid(low, high, count) {
  return Float64Array.from({ length: count }, (_, j) => low + ((high - low) * j) / (count - 1));
}

/** Seeded uniform numbers in [0, 1): mulberry32. @param {number} seed @returns {() => number} */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A fresh sample: sorted uniform keys in the domain, values = truth + normal noise (Box and Muller).
 *  @param {string} name @param {number} count @param {number} noiseSd @param {number[]} domain @param {number} seed */
export function drawSample(name, count, noiseSd, [low, high], seed) {
  const next = uniform(seed);
  const keys = Array.from({ length: count }, () => low + (high - low) * next()).sort((a, b) => a - b);
  const values = keys.map((key) => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return TRUTHS[name](key) + noiseSd * radius * Math.cos(2 * Math.PI * next());
  });
  return { keys, values };
}

/** For each of count cells across the domain: the index of the key nearest to its centre.
 *  @param {Numbers} keys @param {number[]} domain @param {number} count */
export function nearestKeys(keys, [low, high], count) {
  const order = orderOf(keys) ?? Int32Array.from(keys, (_, i) => i);
  const columns = new Int32Array(count);
  let position = 0;
  for (let c = 0; c < count; c++) {
    const x = low + ((high - low) * (c + 0.5)) / count;
    while (
      position + 1 < order.length &&
      Math.abs(keys[order[position + 1]] - x) <= Math.abs(keys[order[position]] - x)
    ) position += 1;
    columns[c] = order[position];
  }
  return columns;
}

/** @param {number} x @param {number[]} ends */
export const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));

/** The first of a few round numbers that is not below a largest weight: the top of a weights axis. @param {number} weight */
export function ceiling(weight) {
  return [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((top) => weight <= top * 1.0001) ?? 1;
}

/** Round tick positions in [low, high], about `target` of them. @param {number} low @param {number} high */
export function ticks(low, high, target = 5) {
  const rough = (high - low) / target;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
