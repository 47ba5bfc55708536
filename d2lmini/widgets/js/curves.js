// The panel of error curves over sigma; dragging on it moves sigma.
import { clamp, ticks } from "./maths.js";
import { Axes, brief, kept, logScale, node, path, scale, set, shape, tenth, write } from "./draw.js";
import { onDrag } from "./controls.js";

/** @typedef {import("./errors.js").Curves} Curves */
/** @typedef {"training" | "leaveOneOut" | "error"} CurveName */

/** @type {Record<CurveName, string>} */
const CURVES = { training: "d2l-training", leaveOneOut: "d2l-left-out", error: "d2l-true-error" };
const LABELS = { "true-error": "true error", "left-out": "leave-one-out", training: "training" };
const NAMES = /** @type {CurveName[]} */ (Object.keys(CURVES));
const MINIMA = /** @type {const} */ (["leaveOneOut", "error"]);
const FLOOR = 158;
const CEILING = 20;
const SIGMA_MARKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

export class ErrorPanel {
  /** `sigmas`: the lowest and the highest; `moveSigma(sigma)` is told what the reader drags.
   *  @param {import("./shell.js").Shell} shell @param {Element} parent
   *  @param {{ sigmas: number[], moveSigma: (sigma: number) => void }} options */
  constructor(shell, parent, { sigmas, moveSigma }) {
    this.sigmas = sigmas;
    this.marks = SIGMA_MARKS.filter((mark) => mark >= sigmas[0] * 0.99 && mark <= sigmas[1] * 1.01);
    this.box = node(parent, "div", { class: "d2l-curves" });
    const key = node(this.box, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, label] of Object.entries(LABELS)) node(key, "span", { class: `d2l-curve-key d2l-${look}` }, label);
    this.svg = shape(this.box, "svg", { role: "img" });
    this.axes = new Axes(this.svg, { xTitle: "bandwidth σ (logarithmic)", yTitle: "error" });
    this.line = shape(this.svg, "path", { class: "d2l-sigma-line" });
    this.curves = NAMES.map((name) => CURVES[name]).map((look) => shape(this.svg, "path", { class: look }));
    this.minima = MINIMA.map((name) => shape(this.svg, "circle", { class: `${CURVES[name]} d2l-minimum`, r: 7 }));
    this.dots = NAMES.map((name) => CURVES[name]).map((look) => shape(this.svg, "circle", { class: `${look} d2l-dot`, r: 4 }));
    this.label = shape(this.svg, "text", { class: "d2l-sigma-label", "text-anchor": "middle" });
    this.x = logScale(sigmas, [46, 100]);
    this.y = scale([0, 1], [FLOOR, CEILING]);
    this.width = shell.watchWidth(this.box);
    this.drawCurves = kept(this.#drawCurves.bind(this));
    const toSigma = (/** @type {{ x: number }} */ at) => moveSigma(clamp(this.x.invert(at.x), sigmas));
    onDrag(this.svg, { start: toSigma, move: toSigma });
  }

  /** Draw `curves` (errors.js) and the errors `now` at sigma.
   *  @param {{ curves: Curves, sigma: number, now: Record<CurveName, number> }} state */
  update({ curves, sigma, now }) {
    const width = this.width();
    if (!width) return;
    this.drawCurves(curves, width);
    const at = this.x(clamp(sigma, this.sigmas));
    set(this.line, { d: `M${tenth(at)} ${CEILING}V${FLOOR}` });
    NAMES.forEach((name, i) => this.#place(this.dots[i], at, now[name]));
    set(this.label, { x: clamp(at, [this.x.range[0] + 26, width - 38]), y: CEILING - 7 });
    write(this.label, `σ = ${brief(sigma)}`);
  }

  /** @param {Curves} curves @param {number} width */
  #drawCurves(curves, width) {
    const errors = NAMES.flatMap((name) => curves[name]).filter((error) => error >= 0);
    const marks = ticks(0, 1.25 * Math.max(...errors, 1e-9), 4);
    this.x = logScale(this.sigmas, [46, width - 12]);
    this.y = scale([0, marks[marks.length - 1]], [FLOOR, CEILING]);
    set(this.svg, { viewBox: `0 0 ${width} ${FLOOR + 40}`, width, height: FLOOR + 40 });
    this.axes.update(this.x, this.y, marks, this.marks);
    NAMES.forEach((name, i) => set(this.curves[i], { d: path(curves.sigmas, curves[name], this.x, this.y) }));
    MINIMA.forEach((name, i) => {
      const best = curves.best[name];
      this.#place(this.minima[i], this.x(curves.sigmas[Math.max(best, 0)]), best < 0 ? NaN : curves[name][best]);
    });
    this.svg.setAttribute("aria-label", `${this.axes.yTitle} over bandwidth: ${describe(curves)}`);
  }

  /** @param {SVGElement} dot @param {number} at @param {number} error */
  #place(dot, at, error) {
    const seen = error <= this.y.domain[1];
    dot.style.display = seen ? "" : "none";
    if (seen) set(dot, { cx: tenth(at), cy: tenth(this.y(error)) });
  }
}

/** @param {Curves} curves */
const describe = ({ sigmas, best }) => MINIMA.map((name) => {
  const label = name === "error" ? "the true error" : "the leave-one-out error";
  return best[name] < 0 ? `${label} is nowhere defined` : `${label} is smallest at σ = ${brief(sigmas[best[name]])}`;
}).join("; ");
