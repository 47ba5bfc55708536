// The panels of a picture. Each draws what it is given, and only what changed.
import { nearestKeys, ticks } from "./maths.js";
import { Axes, fixed, kept, node, path, set, shape, tenth } from "./draw.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./draw.js").Scale} Scale */
/** @typedef {{ query: number, keys: Numbers, values: Numbers, queries: Numbers, estimates: Numbers, truth: Numbers,
 *    estimate: number, reach: number, selected?: number }} Fit */

const MANY = 500; // more points than this are drawn as one path a shade: each circle costs the browser a style
const SHADES = 25;
const QUERY_LINE = "d2l-query-line";

/** The data, the truth, the estimate and the query: the picture at the top of an explorer. */
export class FitPanel {
  #line = (/** @type {Element} */ line) => kept((/** @type {Numbers} */ xs, /** @type {Numbers} */ ys, /** @type {Scale} */ x,
    /** @type {Scale} */ y) => set(line, { d: path(xs, ys, x, y) }));

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.axes = new Axes(svg, { yTitle: "value", xTicks: false });
    this.band = shape(svg, "rect", { class: "d2l-band" });
    this.points = shape(svg, "g", { class: "d2l-points" });
    this.drawTruth = this.#line(shape(svg, "path", { class: "d2l-truth" }));
    this.estimate = shape(svg, "path", { class: "d2l-estimate" });
    this.drawEstimate = this.#line(this.estimate);
    this.line = shape(svg, "path", { class: QUERY_LINE });
    this.ring = shape(svg, "circle", { class: "d2l-ring", r: 11 });
    this.handle = shape(svg, "circle", { class: "d2l-query-dot", r: 6 });
    this.label = shape(svg, "text", { class: "d2l-query-label", "text-anchor": "middle" }, "q");
    /** @type {SVGCircleElement[]} */
    this.dots = [];
    /** @type {string[]} */
    this.places = [];
    this.shares = new Float64Array(0);
    /** @type {SVGPathElement[]} */
    this.layers = [];
    this.placePoints = kept(this.#placePoints.bind(this));
  }

  /** @param {Fit & { x: Scale, y: Scale, weights: Numbers, heaviest: number }} state */
  update({ x, y, keys, values, weights, queries, estimates, truth, query, estimate, reach, selected, heaviest }) {
    this.axes.update(x, y);
    const [bottom, top] = y.range;
    const [left, right] = x.range;
    const from = Math.max(left, x(query - reach));
    const to = Math.min(right, x(query + reach));
    set(this.band, { x: from, y: top, width: Math.max(0, to - from), height: bottom - top });
    this.drawTruth(queries, truth, x, y);
    this.drawEstimate(queries, estimates, x, y);
    set(this.line, { d: `M${x(query)} ${top}V${bottom}` });
    set(this.label, { x: x(query), y: top - 4 });
    const seen = !Number.isNaN(estimate);
    this.handle.style.display = seen ? "" : "none";
    if (seen) set(this.handle, { cx: x(query), cy: y(estimate) });
    this.placePoints(keys, values, x, y);
    if (keys.length > MANY) this.#weighMany(weights, heaviest);
    else this.#weighPoints(weights, heaviest);
    this.ring.style.display = selected === undefined ? "none" : "";
    if (selected !== undefined) set(this.ring, { cx: x(keys[selected]), cy: y(values[selected]) });
  }

  /** @param {Numbers} keys @param {Numbers} values @param {Scale} x @param {Scale} y */
  #placePoints(keys, values, x, y) {
    this.places = Array.from(keys, (key, i) => `M${tenth(x(key))} ${tenth(y(values[i]))}h0`);
    const many = keys.length > MANY;
    if (many && !this.layers.length) this.#makeLayers();
    for (const layer of this.layers) set(layer, { display: many ? "inline" : "none" });
    const n = many ? 0 : keys.length;
    for (const dot of this.dots.splice(n)) dot.remove();
    while (this.dots.length < n) this.dots.push(shape(this.points, "circle"));
    if (this.shares.length !== n) this.shares = new Float64Array(n).fill(-1);
    this.dots.forEach((dot, i) => set(dot, { cx: x(keys[i]), cy: y(values[i]) }));
  }

  #makeLayers() {
    this.layers = Array.from({ length: SHADES + 1 }, (_, step) => shape(this.points, "path", {
      "stroke-width": 6 + 8 * Math.sqrt(step / SHADES), "stroke-opacity": 0.35 + 0.65 * (step / SHADES),
    }));
  }

  /** Size and shade by weight. @param {Numbers} weights @param {number} heaviest */
  #weighPoints(weights, heaviest) {
    for (let i = 0; i < weights.length; i++) {
      const share = Math.round((250 * weights[i]) / (heaviest || 1)) / 250;
      if (this.shares[i] === share) continue;
      this.shares[i] = share;
      set(this.dots[i], { r: 3 + 4 * Math.sqrt(share), "fill-opacity": 0.35 + 0.65 * share });
    }
  }

  /** The same in few steps, heavy points above light ones. @param {Numbers} weights @param {number} heaviest */
  #weighMany(weights, heaviest) {
    const paths = this.layers.map(() => "");
    for (let i = 0; i < weights.length; i++) paths[Math.round((SHADES * weights[i]) / (heaviest || 1))] += this.places[i];
    this.layers.forEach((layer, step) => { if (paths[step] || layer.getAttribute("d")) set(layer, { d: paths[step] }); });
  }
}

/** One row of attention weights: a stem over each key. */
export class WeightsPanel {
  /** @param {SVGSVGElement} svg @param {string} xTitle */
  constructor(svg, xTitle = "key k") {
    this.axes = new Axes(svg, { xTitle, yTitle: "weight" });
    this.zero = shape(svg, "path", { class: "d2l-axis" });
    this.stems = shape(svg, "path", { class: "d2l-stems" });
    /** @type {SVGPathElement | undefined} */
    this.others = undefined;
    this.line = shape(svg, "path", { class: QUERY_LINE });
  }

  /** `tilted`: weights of a second kind over the same keys, beside the first; some may be negative.
   *  @param {{ x: Scale, y: Scale, keys: Numbers, weights: Numbers, query: number, tilted?: Numbers }} state */
  update({ x, y, keys, weights, query, tilted }) {
    const [low, high] = y.domain;
    this.axes.update(x, y, [0, high]);
    set(this.zero, { d: low < 0 ? `M${x.range[0]} ${tenth(y(0))}H${x.range[1]}` : "" });
    set(this.stems, { class: tilted ? "d2l-stems d2l-first-stems" : "d2l-stems" });
    set(this.stems, { d: this.#stems(keys, weights, x, y, tilted ? -1.5 : 0) });
    if (tilted) set(this.#others(), { d: this.#stems(keys, tilted, x, y, 1.5) });
    set(this.line, { d: `M${x(query)} ${y.range[1]}V${y.range[0]}` });
  }

  /** The stems of the second kind, made when they are first drawn. */
  #others() {
    if (!this.others) {
      this.others = shape(/** @type {SVGSVGElement} */ (this.stems.ownerSVGElement), "path", {
        class: "d2l-stems d2l-second-stems",
      });
      this.line.before(this.others);
    }
    return this.others;
  }

  /** @param {Numbers} keys @param {Numbers} weights @param {Scale} x @param {Scale} y @param {number} aside pixels */
  #stems(keys, weights, x, y, aside) {
    const foot = tenth(y(0));
    const least = (0.05 * (y.domain[1] - y.domain[0])) / (y.range[0] - y.range[1]); // less is under a tenth of a pixel
    let [d, last] = ["", ""];
    for (let i = 0; i < keys.length; i++) {
      if (!(Math.abs(weights[i]) > least)) continue;
      const at = tenth(x(keys[i]) + aside);
      if (at === last && keys.length > MANY) continue; // one more in the same tenth of a pixel
      d += `M${at} ${foot}V${tenth(y(weights[i]))}`;
      last = at;
    }
    return d;
  }
}

/**
 * All weights that the screen has pixels for: rows are queries, columns are keys, both axes in x units; shades from 0 to
 * `top`.
 */
export class HeatmapPanel {
  /** @param {Element} parent */
  constructor(parent) {
    this.box = node(parent, "div", { class: "d2l-heatmap" });
    this.canvas = node(this.box, "canvas", { role: "img" });
    this.ink = ink(this.canvas);
    this.svg = shape(this.box, "svg", { "aria-hidden": "true" });
    this.axes = new Axes(this.svg, { xTitle: "key k (columns)", yTitle: "query q (rows)" });
    this.row = shape(this.svg, "path", { class: "d2l-query-line d2l-row" });
    this.legend = node(parent, "div", { class: "d2l-legend", "aria-hidden": "true" });
    node(this.legend, "span", {}, "weight 0");
    this.bar = node(this.legend, "canvas", { width: 256, height: 1 });
    this.top = node(this.legend, "span", {});
    this.colours = new Uint32Array(0);
    this.paint = kept(this.#paint.bind(this));
    this.place = kept(this.#place.bind(this));
    this.shown = kept(this.#shown.bind(this));
  }

  /** Colours come from the style sheet, so light and dark need no code. */
  readTheme() {
    const stops = getComputedStyle(this.box).getPropertyValue("--d2l-weights").split(",").map(rgb);
    this.colours = Uint32Array.from({ length: 256 }, (_, i) => packed(mix(stops, i / 255)));
    const image = new ImageData(256, 1);
    new Uint32Array(image.data.buffer).set(this.colours);
    ink(this.bar).putImageData(image, 0, 0);
  }

  /** The part of the weights that has pixels, and `at`: for each column of pixels its column there. Room for all of it is
   *  made here, once for a layout and a set of keys.
   *  @param {Float64Array} keys sorted @param {number} count of queries @param {Square} square
   *  @param {number} sharp pixels of the screen in one of the page */
  #shown(keys, count, { x, y }, sharp = 1) {
    const [width, height] = [x.range[1] - x.range[0], y.range[0] - y.range[1]].map((side) => Math.round(side * sharp));
    const nearest = nearestKeys(keys, x.domain, width);
    const columns = Int32Array.from(new Set(nearest));
    const places = new Map(Array.from(columns, (i, c) => [i, c]));
    const rows = Int32Array.from({ length: Math.min(count, height) }, (_, r, last = Math.min(count, height) - 1) => (
      Math.round((r * (count - 1)) / (last || 1))));
    return {
      rows, columns, weights: new Float64Array(rows.length * columns.length),
      at: Int32Array.from(nearest, (i) => places.get(i) ?? 0), image: new ImageData(width, rows.length),
    };
  }

  /** @param {Square & { shown: Seen, fit: { top: number }, query: number, top: number, label: string }} state */
  update({ x, y, width, height, shown, fit, query, label, top }) {
    if (!this.colours.length) this.readTheme();
    this.place(x, y, width, height);
    this.paint(shown, fit, top, this.colours);
    this.top.textContent = fixed(top, top < 0.0995 ? 3 : 2);
    set(this.row, { d: `M${x.range[0]} ${y(query)}H${x.range[1]}` });
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }

  /** @param {Scale} x @param {Scale} y @param {number} width @param {number} height */
  #place(x, y, width, height) {
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const [left, right] = x.range;
    const [bottom, top] = y.range;
    Object.assign(this.canvas.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
    this.axes.update(x, y, ticks(y.domain[0], y.domain[1], 6));
  }

  /** @param {Seen} shown @param {unknown} _fit of which the weights are @param {number} top @param {Uint32Array} colours */
  #paint({ rows, columns, weights, at, image }, _fit, top, colours) {
    const { canvas } = this;
    const { width, height } = image;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pixels = new Uint32Array(image.data.buffer);
    const shades = new Uint32Array(columns.length);
    const [n, darkest] = [columns.length, 255 / (top || 1)];
    for (let r = 0; r < rows.length; r++) {
      for (let c = 0; c < n; c++) shades[c] = colours[(darkest * weights[r * n + c] + 0.5) | 0];
      const start = (height - 1 - r) * width;
      for (let p = 0; p < width; p++) pixels[start + p] = shades[at[p]];
    }
    this.ink.putImageData(image, 0, 0);
  }
}

/** @typedef {{ x: Scale, y: Scale, width: number, height: number }} Square */
/** @typedef {import("./maths.js").Shown & { at: Int32Array, image: ImageData }} Seen */

/** @param {HTMLCanvasElement} canvas */
const ink = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
/** @param {string} hex */
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.trim().slice(i, i + 2), 16));
/** @param {number[]} channels */
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** @param {number[][]} stops @param {number} share */
function mix(stops, share) {
  const position = share * (stops.length - 1);
  const i = Math.min(Math.floor(position), stops.length - 2);
  return stops[i].map((low, channel) => Math.round(low + (stops[i + 1][channel] - low) * (position - i)));
}
