// The panel of loss curves over w = 1 / sigma with the epochs of a training run on it; dragging moves w.
import { clamp, ticks } from "./maths.js";
import { lowest, readCurve } from "./errors.js";
import { Axes, logScale, node, path, scale, set, shape } from "./draw.js";
import { onDrag } from "./controls.js";

/** Of each curve of errorCurves: its look and its name. */
const OVER_W = {
  error: ["d2l-true-error", "error against the truth"],
  leaveOneOut: ["d2l-left-out", "leave-one-out loss"],
  training: ["d2l-training", "leave-in loss"],
};
const LOSS_FLOOR = 158;
const LOSS_CEILING = 20;
const W_MARKS = [0.01, 0.1, 1, 10, 100, 1000];

export class LossPanel {
  /** `sigmas`: the lowest and the highest sigma; `moveSigma(sigma)` is told what the reader drags. */
  constructor(parent, { sigmas, moveSigma }) {
    this.sigmas = sigmas;
    this.range = [1 / sigmas[1], 1 / sigmas[0]];
    this.marks = W_MARKS.filter((mark) => mark >= this.range[0] * 0.99 && mark <= this.range[1] * 1.01);
    this.box = node(parent, "div", { class: "d2l-curves" });
    const key = node(this.box, "div", { class: "d2l-key", "aria-hidden": "true" });
    for (const [look, label] of Object.values(OVER_W)) node(key, "span", { class: `d2l-curve-key ${look}` }, label);
    node(key, "span", { class: "d2l-key-walk" }, "epochs so far");
    this.svg = shape(this.box, "svg", { role: "img" });
    this.axes = new Axes(this.svg, { xTitle: "w = 1/σ (logarithmic)", yTitle: "mean squared error" });
    this.line = shape(this.svg, "path", { class: "d2l-sigma-line" });
    this.curves = Object.fromEntries(Object.keys(OVER_W).map((name) => [name, shape(this.svg, "path")]));
    this.minimum = shape(this.svg, "circle", { r: 8 });
    this.walk = shape(this.svg, "path", { class: "d2l-walk" });
    this.dot = shape(this.svg, "circle", { r: 5 });
    this.label = shape(this.svg, "text", { class: "d2l-sigma-label", "text-anchor": "middle" });
    const toW = (at) => { if (this.x) moveSigma(clamp(1 / this.x.invert(at.x), sigmas)); };
    onDrag(this.svg, { start: toW, move: toW });
  }

  /** Draw the curves (errors.js), the `active` one strong with its minimum; the marker at sigma, where that loss is
   *  `loss`; on the curve the first `epoch + 1` numbers of `run`. */
  update({ curves, active, sigma, loss, run, epoch }) {
    const width = this.box.clientWidth;
    if (!width) return;
    const drawn = [curves, active, width];
    if (drawn.some((part, i) => part !== this.drawn?.[i])) this.#drawCurves(curves, active, width);
    this.drawn = drawn;
    const at = this.x(clamp(1 / sigma, this.range));
    set(this.line, { d: `M${at.toFixed(1)} ${LOSS_CEILING}V${LOSS_FLOOR}` });
    set(this.dot, { cx: at.toFixed(1), cy: this.y(loss).toFixed(1) });
    set(this.label, { x: clamp(at, [this.x.range[0] + 26, width - 38]).toFixed(1), y: LOSS_CEILING - 7 });
    this.label.textContent = `w = ${Number((1 / sigma).toPrecision(3))}`;
    set(this.walk, { d: run.slice(0, epoch + 1).map((w) => {
      const passed = clamp(w ? 1 / w : Infinity, this.sigmas);
      const height = this.y(readCurve(curves.sigmas, curves[active], passed));
      return `M${this.x(1 / passed).toFixed(1)} ${height.toFixed(1)}h0`;
    }).join("") });
  }

  #drawCurves(curves, active, width) {
    const errors = Object.keys(OVER_W).flatMap((name) => curves[name]).filter((error) => error >= 0);
    const marks = ticks(0, 1.25 * Math.max(...errors, 1e-9), 4);
    this.x = logScale(this.range, [46, width - 18]);
    this.y = scale([0, marks[marks.length - 1]], [LOSS_FLOOR, LOSS_CEILING]);
    set(this.svg, { viewBox: `0 0 ${width} ${LOSS_FLOOR + 40}`, width, height: LOSS_FLOOR + 40 });
    this.axes.update(this.x, this.y, marks, this.marks);
    const ws = curves.sigmas.map((sigma) => 1 / sigma);
    for (const [name, [look]] of Object.entries(OVER_W)) {
      const strength = name === active ? "d2l-active" : "d2l-passive";
      set(this.curves[name], { d: path(ws, curves[name], this.x, this.y), class: `${look} ${strength}` });
    }
    const [look, label] = OVER_W[active];
    const best = lowest(curves[active]);
    const inside = best > 0 && best < ws.length - 1;
    set(this.minimum, { class: `${look} d2l-minimum` });
    set(this.minimum, { display: inside ? "inline" : "none" });
    if (inside) set(this.minimum, { cx: this.x(ws[best]).toFixed(1), cy: this.y(curves[active][best]).toFixed(1) });
    set(this.dot, { class: `${look} d2l-dot` });
    set(this.svg, { "aria-label": `Both losses and the error against the truth over w. The ${label} `
      + `${inside ? `is smallest at w = ${Number(ws[best].toPrecision(3))}` : "is smallest at the end of the axis"}.` });
  }
}
