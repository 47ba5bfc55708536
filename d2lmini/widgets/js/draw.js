// Drawing: elements, scales, paths and axes. Nothing here computes an estimate.
import { ticks } from "./maths.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {Record<string, string | number>} Attributes */
/** From numbers to pixels and back. @typedef {((x: number) => number) & {
 *    invert: (position: number) => number, domain: number[], range: number[] }} Scale */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {Element} parent @param {T} tag @param {Attributes} attributes @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function node(parent, tag, attributes = {}, text = undefined) {
  return attach(parent, document.createElement(tag), attributes, text);
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {Element} parent @param {T} tag @param {Attributes} attributes @param {string} [text]
 * @returns {SVGElementTagNameMap[T]}
 */
export function shape(parent, tag, attributes = {}, text = undefined) {
  return attach(parent, document.createElementNS(SVG, tag), attributes, text);
}

/** @template {Element} E @param {Element} parent @param {E} made @param {Attributes} attributes @param {string} [text] */
function attach(parent, made, attributes, text) {
  set(made, attributes);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/** @param {Element} target @param {Attributes} attributes */
export function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
}

/** @param {Element} target @param {string} text */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** @param {number[]} domain @param {number[]} range @returns {Scale} */
export function scale([low, high], [start, end]) {
  return Object.assign((/** @type {number} */ x) => start + ((x - low) / (high - low)) * (end - start), {
    invert: (/** @type {number} */ position) => low + ((position - start) / (end - start)) * (high - low),
    domain: [low, high],
    range: [start, end],
  });
}

/** The same for positive numbers, evenly spaced in their logarithms. @param {number[]} domain @param {number[]} range
 *  @returns {Scale} */
export function logScale([low, high], range) {
  const inner = scale([Math.log(low), Math.log(high)], range);
  return Object.assign((/** @type {number} */ x) => inner(Math.log(x)), {
    invert: (/** @type {number} */ position) => Math.exp(inner.invert(position)), domain: [low, high], range,
  });
}

/** The last answer of `compute`, for as long as its arguments stay the same ones: arrays are replaced, never changed.
 *  @template {unknown[]} A @template T @param {(...given: A) => T} compute @returns {(...given: A) => T} */
export function kept(compute) {
  /** @type {{ given: A, answer: T } | null} */
  let last = null;
  return (...given) => {
    if (!last || given.some((part, i) => part !== last?.given[i])) last = { given, answer: compute(...given) };
    return last.answer;
  };
}

/** Fixed decimals, with a minus sign. @param {number} x */
export const fixed = (x, digits = 2) => (Math.abs(x) < 0.5 * 10 ** -digits ? 0 : x).toFixed(digits).replace("-", "−");

/** Three digits. @param {number} x */
export const brief = (x) => String(Number(x.toPrecision(3)));

/** @type {string[]} */
const TENTHS = [];

/** One decimal, as toFixed(1) and many times as fast for places in a picture. @param {number} x */
export function tenth(x) {
  const tenths = Math.round(10 * x);
  if (!(tenths >= 0 && tenths < 20_000)) return x.toFixed(1);
  return (TENTHS[tenths] ??= (tenths / 10).toFixed(1));
}

/** "M… L…" through the points, a gap wherever y is NaN.
 *  @param {Numbers} xs @param {Numbers} ys @param {Scale} x @param {Scale} y */
export function path(xs, ys, x, y) {
  let d = "";
  let pen = "M";
  for (let j = 0; j < xs.length; j++) {
    if (Number.isNaN(ys[j])) {
      pen = "M";
      continue;
    }
    d += `${pen}${tenth(x(xs[j]))} ${tenth(y(ys[j]))}`;
    pen = "L";
  }
  return d;
}

/** Bottom and left axis with ticks and titles, redrawn only when their text changes. */
export class Axes {
  /** @param {Element} svg @param {{ xTitle?: string, yTitle: string, xTicks?: boolean }} titles */
  constructor(svg, { xTitle = "", yTitle, xTicks = true }) {
    this.group = shape(svg, "g", { class: "d2l-axes", "aria-hidden": "true" });
    this.xTitle = xTitle;
    this.yTitle = yTitle;
    this.xTicks = xTicks;
    this.drawn = "";
  }

  /** @param {Scale} x @param {Scale} y @param {number[]} yTicks @param {number[]} [xMarks] */
  update(x, y, yTicks = ticks(y.domain[0], y.domain[1], 4), xMarks = undefined) {
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
    for (const t of xMarks ?? ticks(x.domain[0], x.domain[1], 6)) {
      shape(this.group, "path", { d: `M${x(t)} ${bottom}v4`, class: "d2l-axis" });
      shape(this.group, "text", { x: x(t), y: bottom + 17, "text-anchor": "middle" }, String(t).replace("-", "−"));
    }
    if (this.xTitle) {
      shape(this.group, "text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, this.xTitle);
    }
  }
}
