// The picture that the one-dimensional explorers share: fit, weights at the query, heatmap, one query slider.
import { KERNELS, ceiling } from "./maths.js";
import { fixed, node, scale, set, shape } from "./draw.js";
import { onDrag, onThemeChange, range } from "./controls.js";
import { FitPanel, HeatmapPanel, WeightsPanel } from "./panels.js";

const MARGIN = { left: 46, right: 12 };
const FIT = { top: 18, bottom: 250 };
const WEIGHTS = { top: 268, bottom: 338 };
const HEIGHT = 378;
const LEGEND = { data: "data", truth: "truth", estimate: "estimate" };

export class Picture {
  /** `moveQuery(q)`, `choosePoint(i)` and `movePoint(key, value)` are told what the reader drags; points stay put
   *  without the last two. */
  constructor(parent, { domain, valueRange, moveQuery, choosePoint, movePoint, redraw, legend = LEGEND }) {
    Object.assign(this, { domain, valueRange, moveQuery, choosePoint, movePoint });
    this.panels = node(parent, "div", { class: "d2l-panels" });
    this.main = node(this.panels, "div", { class: "d2l-main" });
    this.#key(legend);
    this.svg = shape(this.main, "svg", { role: "img", class: "d2l-fit" });
    this.fit = new FitPanel(this.svg);
    this.weights = new WeightsPanel(this.svg);
    this.query = range(this.main, "Query q", {
      min: domain[0], max: domain[1], step: 0.05, describe: (q) => `q = ${fixed(q)}`, onInput: moveQuery, seen: "q",
    });
    this.query.box.classList.add("d2l-under-axis");
    this.side = node(this.panels, "div", { class: "d2l-side" });
    this.heatmap = new HeatmapPanel(this.side);
    this.#listen();
    this.observer = new ResizeObserver(redraw);
    this.observer.observe(this.panels);
    this.forgetTheme = onThemeChange(() => { this.heatmap.readTheme(); redraw.now(); });
  }

  #key(legend) {
    const key = node(this.main, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, name] of Object.entries(legend)) node(key, "span", { class: `d2l-key-${look}` }, name);
  }

  /** Put the pictures where there is room; false while the explorer is not on a page yet. */
  #layout() {
    const [width, side] = [this.main.clientWidth, Math.min(this.heatmap.box.clientWidth, 400)];
    if (!width || !side) return false;
    this.x = scale(this.domain, [MARGIN.left, width - MARGIN.right]);
    this.y = scale(this.valueRange, [FIT.bottom, FIT.top]);
    this.square = {
      x: scale(this.domain, [MARGIN.left, side - MARGIN.right]), y: scale(this.domain, [side - 64, 10]),
      width: side, height: side - 24,
    };
    set(this.svg, { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT });
    return true;
  }

  /** Draw keys, values, the row of weights at the query, all weights (row-major), estimates and truth at the queries.
   *  `reach` (half the shaded window) and `weightTop` follow from kernel, sigma and row unless given. */
  update(state) {
    if (!this.#layout()) return;
    const { keys, row, weights, queries, query, kernel, sigma } = state;
    const widest = kernel === "constant" ? Infinity : sigma * Math.min(KERNELS[kernel].support, 1);
    this.fit.update({ reach: widest, ...state, x: this.x, y: this.y, weights: row });
    const y = scale([0, ceiling(state.weightTop ?? largest(row))], [WEIGHTS.bottom, WEIGHTS.top]);
    this.weightsY = y;
    this.weights.update({ x: this.x, y, keys, weights: row, query });
    const top = state.top ?? largest(weights);
    const label = "Heatmap of the attention weights: rows are queries, columns are keys. "
      + `The strongest shade is a weight of ${fixed(top, 3)}.`;
    this.heatmap.update({ ...this.square, keys, weights, queries, query, label, top });
    this.svg.setAttribute("aria-label", "Data points, the truth and the estimate over the keys, with the query at "
      + `${fixed(query)}; below them the attention weight of each key.`);
    this.query.show(query);
    this.state = state;
  }

  #pointAt(at) {
    if (!this.choosePoint) return -1;
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
        const ringed = point >= 0 && point === this.state.selected;
        if (point >= 0) this.choosePoint(point);
        else this.#queryTo(this.x.invert(at.x));
        return ringed;
      },
      move: (at) => {
        if (point >= 0) this.movePoint(this.x.invert(at.x), this.y.invert(at.y));
        else this.#queryTo(this.x.invert(at.x));
      },
    });
    const toRow = (at) => { if (!at.touch) this.#queryTo(this.square.y.invert(at.y)); };
    onDrag(this.heatmap.box, { start: toRow, move: toRow });
  }

  #queryTo(query) {
    this.query.input.focus({ preventScroll: true });
    this.moveQuery(query);
  }

  stop() {
    this.observer.disconnect();
    this.forgetTheme();
  }
}

function largest(numbers) {
  let found = 0;
  for (let i = 0; i < numbers.length; i++) if (numbers[i] > found) found = numbers[i];
  return found;
}
