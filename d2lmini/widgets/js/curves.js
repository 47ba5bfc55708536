// The panel of error curves over sigma; dragging on it moves sigma.
import { clamp, ticks } from "./maths.js";
import { Axes, logScale, node, path, scale, set, shape } from "./draw.js";
import { onDrag } from "./controls.js";

const CURVES = { training: "d2l-training", leaveOneOut: "d2l-left-out", error: "d2l-true-error" };
const LABELS = { "true-error": "true error", "left-out": "leave-one-out", training: "training" };
const MINIMA = ["leaveOneOut", "error"];
const FLOOR = 158;
const CEILING = 20;
const SIGMA_MARKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

export class ErrorPanel {
  constructor(parent, { sigmas, moveSigma }) {
    this.sigmas = sigmas;
    this.marks = SIGMA_MARKS.filter((mark) => mark >= sigmas[0] * 0.99 && mark <= sigmas[1] * 1.01);
    this.box = node(parent, "div", { class: "d2l-curves" });
    const key = node(this.box, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, label] of Object.entries(LABELS)) node(key, "span", { class: `d2l-curve-key d2l-${look}` }, label);
    this.svg = shape(this.box, "svg", { role: "img" });
    this.axes = new Axes(this.svg, { xTitle: "bandwidth σ (logarithmic)", yTitle: "error" });
    this.earlier = shape(this.svg, "path", { class: "d2l-left-out d2l-earlier" });
    this.line = shape(this.svg, "path", { class: "d2l-sigma-line" });
    this.curves = Object.values(CURVES).map((look) => shape(this.svg, "path", { class: look }));
    this.minima = MINIMA.map((name) => shape(this.svg, "circle", { class: `${CURVES[name]} d2l-minimum`, r: 7 }));
    this.dots = Object.values(CURVES).map((look) => shape(this.svg, "circle", { class: `${look} d2l-dot`, r: 4 }));
    this.label = shape(this.svg, "text", { class: "d2l-sigma-label", "text-anchor": "middle" });
    const toSigma = (at) => { if (this.x) moveSigma(clamp(this.x.invert(at.x), sigmas)); };
    onDrag(this.svg, { start: toSigma, move: toSigma });
  }

  /** Draw `curves` (errors.js), the errors `now` at sigma, and the sigmas that earlier samples chose. */
  update({ curves, sigma, now, earlier }) {
    const width = this.box.clientWidth;
    if (!width) return;
    if (curves !== this.drawn || width !== this.width) this.#drawCurves(curves, width);
    const at = this.x(clamp(sigma, this.sigmas));
    set(this.line, { d: `M${at.toFixed(1)} ${CEILING}V${FLOOR}` });
    Object.keys(CURVES).forEach((name, i) => this.#place(this.dots[i], at, now[name]));
    set(this.label, { x: clamp(at, [this.x.range[0] + 26, width - 38]), y: CEILING - 7 });
    this.label.textContent = `σ = ${Number(sigma.toPrecision(3))}`;
    set(this.earlier, { d: earlier.map((s) => `M${this.x(s).toFixed(1)} ${FLOOR}v-14`).join("") });
  }

  #drawCurves(curves, width) {
    Object.assign(this, { drawn: curves, width });
    const errors = Object.keys(CURVES).flatMap((name) => curves[name]).filter((error) => error >= 0);
    const marks = ticks(0, 1.25 * Math.max(...errors, 1e-9), 4);
    this.x = logScale(this.sigmas, [46, width - 12]);
    this.y = scale([0, marks[marks.length - 1]], [FLOOR, CEILING]);
    set(this.svg, { viewBox: `0 0 ${width} ${FLOOR + 40}`, width, height: FLOOR + 40 });
    this.axes.update(this.x, this.y, marks, this.marks);
    Object.keys(CURVES).forEach((name, i) => set(this.curves[i], { d: path(curves.sigmas, curves[name], this.x, this.y) }));
    MINIMA.forEach((name, i) => {
      const best = curves.best[name];
      this.#place(this.minima[i], this.x(curves.sigmas[Math.max(best, 0)]), best < 0 ? NaN : curves[name][best]);
    });
    this.svg.setAttribute("aria-label", `${this.axes.yTitle} over bandwidth: ${describe(curves)}`);
  }

  #place(dot, at, error) {
    const seen = error <= this.y.domain[1];
    dot.style.display = seen ? "" : "none";
    if (seen) set(dot, { cx: at.toFixed(1), cy: this.y(error).toFixed(1) });
  }
}

const describe = ({ sigmas, best }) => MINIMA.map((name) => {
  const label = name === "error" ? "the true error" : "the leave-one-out error";
  return best[name] < 0 ? `${label} is nowhere defined` : `${label} is smallest at σ = ${Number(sigmas[best[name]].toPrecision(3))}`;
}).join("; ");
