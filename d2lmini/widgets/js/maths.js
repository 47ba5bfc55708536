// The mathematics of the explorers: no DOM, so that node can test it against Python.

const inside = (u) => u <= 1;

// score(u) = log K(u), u >= 0; support in units of sigma; sd of the kernel as a density.
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

const NEGLIGIBLE = -45; // e^-45 of the nearest key's weight is 3e-20: lost in any sum, and exp is slow

/** Attention weights of one query over the keys: softmax of the scores; all zero where no key is in reach. */
export function attentionWeights(query, keys, kernel, sigma, out = new Float64Array(keys.length)) {
  const { score } = KERNELS[kernel];
  // These two take score(d / sigma) - score(nearest / sigma) directly: both scores may be huge.
  const [gaussian, laplace] = [kernel === "gaussian", kernel === "laplace"];
  let nearest = Infinity;
  for (let i = 0; i < keys.length; i++) nearest = Math.min(nearest, Math.abs(query - keys[i]));
  const largest = gaussian || laplace ? 0 : score(nearest / sigma);
  let total = 0;
  for (let i = 0; i < keys.length; i++) {
    const d = Math.abs(query - keys[i]);
    let s;
    if (gaussian) s = 0.5 * ((nearest - d) / sigma) * ((nearest + d) / sigma);
    else if (laplace) s = (nearest - d) / sigma;
    else s = score(d / sigma) - largest;
    out[i] = 0;
    if (s < NEGLIGIBLE) continue;
    out[i] = largest === -Infinity ? 0 : Math.exp(s);
    total += out[i];
  }
  if (total > 0) for (let i = 0; i < keys.length; i++) out[i] /= total;
  return out;
}

/** Weighted mean of the values; NaN where the weights are all zero. */
export function pool(weights, values) {
  let total = 0;
  let estimate = 0;
  for (let i = 0; i < values.length; i++) {
    total += weights[i];
    estimate += weights[i] * values[i];
  }
  return total > 0 ? estimate : NaN;
}

/** Estimates (m) and weights (m rows of n, one Float64Array) at all queries. */
export function nadarayaWatson(queries, keys, values, kernel, sigma) {
  const n = keys.length;
  const weights = new Float64Array(queries.length * n);
  const estimates = new Float64Array(queries.length);
  for (let j = 0; j < queries.length; j++) {
    const row = attentionWeights(queries[j], keys, kernel, sigma, weights.subarray(j * n, (j + 1) * n));
    estimates[j] = pool(row, values);
  }
  return { estimates, weights };
}

/** 1 / sum of squared weights: how many equally weighted keys would average as much. */
export function effectiveNumber(weights) {
  let squares = 0;
  for (const w of weights) squares += w * w;
  return squares > 0 ? 1 / squares : 0;
}

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

// The noise-free functions of d2lmini.data, by the name of the sample.
export const TRUTHS = {
  sine_power: (x) => 2 * Math.sin(x) + x ** 0.8,
  sine: (x) => 2 * Math.sin(x),
  sine_linear: (x) => 2 * Math.sin(x) + x,
};

/** count numbers from low to high, both ends included. */
export function grid(low, high, count) {
  return Float64Array.from({ length: count }, (_, j) => low + ((high - low) * j) / (count - 1));
}

/** Seeded uniform numbers in [0, 1): mulberry32. */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A fresh sample: sorted uniform keys in the domain, values = truth + normal noise (Box and Muller). */
export function drawSample(name, count, noiseSd, [low, high], seed) {
  const next = uniform(seed);
  const keys = Array.from({ length: count }, () => low + (high - low) * next()).sort((a, b) => a - b);
  const values = keys.map((key) => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return TRUTHS[name](key) + noiseSd * radius * Math.cos(2 * Math.PI * next());
  });
  return { keys, values };
}

/** For each of count cells across the domain: the index of the key nearest to its centre. */
export function nearestKeys(keys, [low, high], count) {
  const order = Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b]);
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

export const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));

/** The first of a few round numbers that is not below a largest weight: the top of a weights axis. */
export function ceiling(weight) {
  return [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((top) => weight <= top * 1.0001) ?? 1;
}

/** Round tick positions in [low, high], about `target` of them. */
export function ticks(low, high, target = 5) {
  const rough = (high - low) / target;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
