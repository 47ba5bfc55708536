// The panels of a picture. Each draws what it is given.
import { nearestKeys, ticks } from "./maths.js";
import { Axes, fixed, node, path, set, shape } from "./draw.js";

/** The data, the truth, the estimate and the query: the picture at the top of an explorer. */
export class FitPanel {
  constructor(svg) {
    this.axes = new Axes(svg, { yTitle: "value", xTicks: false });
    this.band = shape(svg, "rect", { class: "d2l-band" });
    this.points = shape(svg, "g", { class: "d2l-points" });
    this.truth = shape(svg, "path", { class: "d2l-truth" });
    this.estimate = shape(svg, "path", { class: "d2l-estimate" });
    this.line = shape(svg, "path", { class: "d2l-query-line" });
    this.ring = shape(svg, "circle", { class: "d2l-ring", r: 11 });
    this.handle = shape(svg, "circle", { class: "d2l-query-dot", r: 6 });
    this.label = shape(svg, "text", { class: "d2l-query-label", "text-anchor": "middle" }, "q");
  }

  update({ x, y, keys, values, weights, queries, estimates, truth, query, estimate, reach, selected, weightTop }) {
    this.axes.update(x, y);
    const [bottom, top] = y.range;
    const [left, right] = x.range;
    const from = Math.max(left, x(query - reach));
    const to = Math.min(right, x(query + reach));
    set(this.band, { x: from, y: top, width: Math.max(0, to - from), height: bottom - top });
    set(this.truth, { d: path(queries, truth, x, y) });
    set(this.estimate, { d: path(queries, estimates, x, y) });
    set(this.line, { d: `M${x(query)} ${top}V${bottom}` });
    set(this.label, { x: x(query), y: top - 4 });
    const seen = !Number.isNaN(estimate);
    this.handle.style.display = seen ? "" : "none";
    if (seen) set(this.handle, { cx: x(query), cy: y(estimate) });
    this.#drawPoints(x, y, keys, values, weights, weightTop);
    this.ring.style.display = selected === undefined ? "none" : "";
    if (selected !== undefined) set(this.ring, { cx: x(keys[selected]), cy: y(values[selected]) });
  }

  #drawPoints(x, y, keys, values, weights, weightTop = Math.max(...weights) || 1) {
    while (this.points.childElementCount > keys.length) this.points.lastChild.remove();
    while (this.points.childElementCount < keys.length) shape(this.points, "circle");
    const placed = [keys, values, ...x.domain, ...x.range, ...y.domain, ...y.range];
    const moved = placed.some((part, i) => part !== this.placed?.[i]);
    this.placed = placed;
    let dot = this.points.firstElementChild;
    for (let i = 0; i < keys.length; i++, dot = dot.nextElementSibling) {
      if (moved) set(dot, { cx: x(keys[i]), cy: y(values[i]) });
      const share = Math.round((250 * weights[i]) / weightTop) / 250;
      if (dot.share === share) continue;
      dot.share = share;
      set(dot, { r: 3 + 4 * Math.sqrt(share), "fill-opacity": 0.35 + 0.65 * share });
    }
  }
}

/** One row of attention weights: a stem over each key. */
export class WeightsPanel {
  constructor(svg) {
    this.axes = new Axes(svg, { xTitle: "key k", yTitle: "weight" });
    this.stems = shape(svg, "path", { class: "d2l-stems" });
    this.line = shape(svg, "path", { class: "d2l-query-line" });
  }

  update({ x, y, keys, weights, query }) {
    this.axes.update(x, y, [0, y.domain[1]]);
    const foot = y.range[0];
    let d = "";
    for (let i = 0; i < keys.length; i++) if (weights[i] > 0) d += `M${x(keys[i]).toFixed(1)} ${foot}V${y(weights[i]).toFixed(1)}`;
    set(this.stems, { d });
    set(this.line, { d: `M${x(query)} ${y.range[1]}V${foot}` });
  }
}

/** All weights: rows are queries, columns are keys, both axes in x units; shades from 0 to `top`. */
export class HeatmapPanel {
  constructor(parent) {
    this.box = node(parent, "div", { class: "d2l-heatmap" });
    this.canvas = node(this.box, "canvas", { role: "img" });
    this.svg = shape(this.box, "svg", { "aria-hidden": "true" });
    this.axes = new Axes(this.svg, { xTitle: "key k (columns)", yTitle: "query q (rows)" });
    this.row = shape(this.svg, "path", { class: "d2l-query-line d2l-row" });
    this.legend = node(parent, "div", { class: "d2l-legend", "aria-hidden": "true" });
    node(this.legend, "span", {}, "weight 0");
    this.bar = node(this.legend, "canvas", { width: 256, height: 1 });
    this.top = node(this.legend, "span", {});
  }

  /** Colours come from the style sheet, so light and dark need no code. */
  readTheme() {
    const stops = getComputedStyle(this.box).getPropertyValue("--d2l-weights").split(",").map(rgb);
    this.colours = new Uint32Array(256).map((_, i) => packed(mix(stops, i / 255)));
    const ink = this.bar.getContext("2d");
    const image = ink.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(this.colours);
    ink.putImageData(image, 0, 0);
  }

  update({ x, y, keys, weights, queries, query, width, height, label, top: most }) {
    if (!this.colours) this.readTheme();
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const [left, right] = x.range;
    const [bottom, top] = y.range;
    const columns = Math.round(right - left);
    Object.assign(this.canvas.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
    this.#paint(nearestKeys(keys, x.domain, columns), weights, keys.length, queries.length, most);
    this.top.textContent = fixed(most, most < 0.0995 ? 3 : 2);
    this.axes.update(x, y, ticks(...y.domain, 6));
    set(this.row, { d: `M${left} ${y(query)}H${right}` });
    this.canvas.setAttribute("aria-label", label);
  }

  #paint(columns, weights, n, m, top) {
    const { canvas, colours } = this;
    if (canvas.width !== columns.length || canvas.height !== m) {
      Object.assign(canvas, { width: columns.length, height: m });
      this.ink = canvas.getContext("2d");
      this.image = this.ink.createImageData(columns.length, m);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    const shades = new Uint32Array(n);
    const shown = [...new Set(columns)];
    for (let j = 0; j < m; j++) {
      for (const i of shown) shades[i] = colours[Math.round((255 * weights[j * n + i]) / (top || 1))];
      const start = (m - 1 - j) * columns.length;
      for (let c = 0; c < columns.length; c++) pixels[start + c] = shades[columns[c]];
    }
    this.ink.putImageData(this.image, 0, 0);
  }
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.trim().slice(i, i + 2), 16));
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

function mix(stops, share) {
  const position = share * (stops.length - 1);
  const i = Math.min(Math.floor(position), stops.length - 2);
  return stops[i].map((low, channel) => Math.round(low + (stops[i + 1][channel] - low) * (position - i)));
}
