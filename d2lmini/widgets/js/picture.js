// The picture that the one-dimensional explorers share: fit, weights at the query, heatmap, one query slider.
import { KERNELS, ceiling, inOrder, orderOf } from "./maths.js";
import { fixed, kept, node, scale, set, shape } from "./draw.js";
import { onDrag, onThemeChange, range } from "./controls.js";
import { FitPanel, HeatmapPanel, WeightsPanel } from "./panels.js";

const MARGIN = { left: 46, right: 12 };
const FIT = { top: 18, bottom: 250 };
const WEIGHTS = { top: 268, bottom: 338 };
const HEIGHT = 378;
/** @type {Record<string, string>} */
const LEGEND = { data: "data", truth: "truth", estimate: "estimate" };

/**
 * What is told to an explorer: the query that the reader drags; the point that is taken up and dragged, without which
 * the points stay put.
 * @typedef {{ domain: number[], valueRange: number[], moveQuery: (query: number) => void,
 *   choosePoint?: (i: number) => void, movePoint?: (key: number, value: number) => void,
 *   legend?: Record<string, string> }} Options
 */
/** Half the shaded window and the top of the weights' axis follow from kernel, width and row unless given, `top` from fit.
 *  `tilted`: weights of a second kind at the query, in tables called `tiltedName`.
 *  @typedef {import("./sample.js").Solved & { reach?: number, selected?: number, weightTop?: number, top?: number,
 *    tilted?: Float64Array, tiltedName?: string }} State */

export class Picture {
  /** @type {State | undefined} */
  state = undefined;
  #width = 0;
  #side = 0;

  /** @param {import("./shell.js").Shell} shell @param {Options} options */
  constructor(shell, { domain, valueRange, moveQuery, choosePoint, movePoint, legend = LEGEND }) {
    this.domain = domain;
    this.valueRange = valueRange;
    this.moveQuery = moveQuery;
    this.choosePoint = choosePoint;
    this.movePoint = movePoint;
    this.legend = legend;
    this.panels = node(shell.el, "div", { class: "d2l-panels" });
    this.main = node(this.panels, "div", { class: "d2l-main" });
    const key = node(this.main, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, name] of Object.entries(legend)) node(key, "span", { class: `d2l-key-${look}` }, name);
    this.svg = shape(this.main, "svg", { role: "img", class: "d2l-fit" });
    this.fit = new FitPanel(this.svg);
    this.weights = new WeightsPanel(this.svg);
    this.query = range(this.main, "Query q", {
      min: domain[0], max: domain[1], step: 0.05, describe: (q) => `q = ${fixed(q)}`, onInput: moveQuery, seen: "q",
    });
    this.query.box.classList.add("d2l-under-axis");
    this.side = node(this.panels, "div", { class: "d2l-side" });
    this.heatmap = new HeatmapPanel(this.side);
    this.y = scale(valueRange, [FIT.bottom, FIT.top]);
    this.x = this.#across(0);
    this.weightsY = scale([0, 1], [WEIGHTS.bottom, WEIGHTS.top]);
    this.square = this.#squareOf(0);
    this.sorted = kept((/** @type {number[]} */ keys) => inOrder(keys, orderOf(keys)));
    this.#listen();
    this.widths = [this.main, this.heatmap.box].map((part) => shell.watchWidth(part));
    shell.owns({ stop: onThemeChange(() => {
      this.heatmap.readTheme();
      shell.drawNow();
    }) });
  }

  /** @param {number} width */
  #across(width) {
    return scale(this.domain, [MARGIN.left, width - MARGIN.right]);
  }

  /** @param {number} side */
  #squareOf(side) {
    return {
      x: scale(this.domain, [MARGIN.left, side - MARGIN.right]), y: scale(this.domain, [side - 64, 10]),
      width: side, height: side - 24,
    };
  }

  /** Put the pictures where there is room; false before the explorer is on a page. */
  #layout() {
    const [width, side] = this.widths.map((widthNow, i) => Math.min(widthNow(), i ? 400 : Infinity));
    if (!width || !side) return false;
    if (width !== this.#width) {
      this.x = this.#across(width);
      set(this.svg, { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT });
    }
    if (side !== this.#side) this.square = this.#squareOf(side);
    [this.#width, this.#side] = [width, side];
    return true;
  }

  /** The weights that the heatmap has pixels for; undefined before there is room. @param {number[]} keys @param {number} count */
  shown(keys, count) {
    return this.#layout() ? this.heatmap.shown(this.sorted(keys), count, this.square, devicePixelRatio) : undefined;
  }

  /** Draw a state of the explorer (`Scene.solve`). @param {State} state */
  update(state) {
    this.state = state;
    const { keys, row, queries, query, kernel, width, fit } = state;
    const shown = this.shown(keys, queries.length);
    if (!shown) return;
    const widest = kernel === "constant" ? Infinity : width * Math.min(KERNELS[kernel].support, 1);
    const heaviest = state.weightTop ?? largest(row);
    this.#scaleWeights(heaviest, state.tilted);
    this.fit.update({ reach: widest, ...state, x: this.x, y: this.y, weights: row, heaviest });
    this.weights.update({ x: this.x, y: this.weightsY, keys, weights: row, query, tilted: state.tilted });
    const top = state.top ?? fit.top;
    const label = "Heatmap of the attention weights: rows are queries, columns are keys. "
      + `The strongest shade is a weight of ${fixed(top, 3)}.`;
    this.heatmap.update({ ...this.square, shown, fit, query, label, top });
    this.svg.setAttribute("aria-label", "Data points, the truth and the estimate over the keys, with the query at "
      + `${fixed(query)}; below them the attention weight of each key.`);
    this.query.show(query);
  }

  /** @param {number} heaviest @param {Float64Array} [tilted] */
  #scaleWeights(heaviest, tilted) {
    const high = ceiling(tilted ? Math.max(heaviest, largest(tilted)) : heaviest);
    const least = tilted ? -largest(tilted.map((weight) => -weight)) : 0;
    const low = least < -high / 100 ? Math.min(-ceiling(-least), -high / 4) : 0;
    const [lowNow, highNow] = this.weightsY.domain;
    if (low !== lowNow || high !== highNow) this.weightsY = scale([low, high], [WEIGHTS.bottom, WEIGHTS.top]);
  }

  /** @param {import("./controls.js").Place} at */
  #pointAt(at) {
    if (!this.choosePoint || !this.state) return -1;
    const { keys, values } = this.state;
    let [found, closest] = [-1, at.touch ? 20 : 12];
    for (let i = 0; i < keys.length; i++) {
      const distance = Math.hypot(this.x(keys[i]) - at.x, this.y(values[i]) - at.y);
      if (distance < closest) [found, closest] = [i, distance];
    }
    return found;
  }

  #listen() {
    let point = -1;
    onDrag(this.svg, {
      start: (at) => {
        point = this.#pointAt(at);
        const ringed = point >= 0 && point === this.state?.selected;
        if (point >= 0) this.choosePoint?.(point);
        else this.#queryTo(this.x.invert(at.x));
        return ringed;
      },
      move: (at) => {
        if (point >= 0) this.movePoint?.(this.x.invert(at.x), this.y.invert(at.y));
        else this.#queryTo(this.x.invert(at.x));
      },
    });
    const toRow = (/** @type {import("./controls.js").Place} */ at) => {
      if (!at.touch) this.#queryTo(this.square.y.invert(at.y));
    };
    onDrag(this.heatmap.box, { start: toRow, move: toRow });
  }

  /** @param {number} query */
  #queryTo(query) {
    this.query.input.focus({ preventScroll: true });
    this.moveQuery(query);
  }
}

/** @param {Float64Array} numbers */
function largest(numbers) {
  let found = 0;
  for (let i = 0; i < numbers.length; i++) if (numbers[i] > found) found = numbers[i];
  return found;
}
