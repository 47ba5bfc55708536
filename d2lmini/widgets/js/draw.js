// Drawing: elements, scales, paths and axes. Nothing here computes an estimate.
import { ticks } from "./maths.js";

const SVG = "http://www.w3.org/2000/svg";

export function node(parent, tag, attributes = {}, text = undefined) {
  const made = document.createElement(tag);
  return attach(parent, made, attributes, text);
}

export function shape(parent, tag, attributes = {}, text = undefined) {
  return attach(parent, document.createElementNS(SVG, tag), attributes, text);
}

function attach(parent, made, attributes, text) {
  set(made, attributes);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

export function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
}

export function scale([low, high], [start, end]) {
  const at = (x) => start + ((x - low) / (high - low)) * (end - start);
  at.invert = (position) => low + ((position - start) / (end - start)) * (high - low);
  at.domain = [low, high];
  at.range = [start, end];
  return at;
}

/** The same for positive numbers, evenly spaced in their logarithms. */
export function logScale([low, high], range) {
  const inner = scale([Math.log(low), Math.log(high)], range);
  const at = (x) => inner(Math.log(x));
  return Object.assign(at, { invert: (position) => Math.exp(inner.invert(position)), domain: [low, high], range });
}

export const fixed = (x, digits = 2) => (Math.abs(x) < 0.5 * 10 ** -digits ? 0 : x).toFixed(digits).replace("-", "−");

/** "M… L…" through the points, a gap wherever y is NaN. */
export function path(xs, ys, x, y) {
  let d = "";
  let pen = "M";
  for (let j = 0; j < xs.length; j++) {
    if (Number.isNaN(ys[j])) {
      pen = "M";
      continue;
    }
    d += `${pen}${x(xs[j]).toFixed(1)} ${y(ys[j]).toFixed(1)}`;
    pen = "L";
  }
  return d;
}

/** Bottom and left axis with ticks and titles, redrawn only when their text changes. */
export class Axes {
  constructor(svg, { xTitle, yTitle, xTicks = true }) {
    this.group = shape(svg, "g", { class: "d2l-axes", "aria-hidden": "true" });
    Object.assign(this, { xTitle, yTitle, xTicks, drawn: "" });
  }

  update(x, y, yTicks = ticks(...y.domain, 4), xMarks = undefined) {
    const key = JSON.stringify([x.domain, x.range, y.domain, y.range, yTicks]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.group.replaceChildren();
    const [left, right] = x.range;
    const [bottom, top] = y.range;
    shape(this.group, "path", { d: `M${left} ${top}V${bottom}H${right}`, class: "d2l-axis" });
    for (const t of yTicks) {
      shape(this.group, "path", { d: `M${left} ${y(t)}h-4`, class: "d2l-axis" });
      shape(this.group, "text", { x: left - 7, y: y(t) + 4, "text-anchor": "end" }, String(t).replace("-", "−"));
    }
    if (this.yTitle) {
      const at = `translate(12 ${(top + bottom) / 2}) rotate(-90)`;
      shape(this.group, "text", { transform: at, "text-anchor": "middle" }, this.yTitle);
    }
    if (!this.xTicks) return;
    for (const t of xMarks ?? ticks(...x.domain, 6)) {
      shape(this.group, "path", { d: `M${x(t)} ${bottom}v4`, class: "d2l-axis" });
      shape(this.group, "text", { x: x(t), y: bottom + 17, "text-anchor": "middle" }, String(t).replace("-", "−"));
    }
    if (this.xTitle) {
      shape(this.group, "text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, this.xTitle);
    }
  }
}
