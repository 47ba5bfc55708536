// The panel of loss curves over w = 1 / sigma with the epochs of a training run on it; dragging moves w.
import { clamp, ticks } from "./maths.js";
import { lowest, readCurve } from "./errors.js";
import { Axes, brief, kept, logScale, node, path, scale, set, shape, tenth, write } from "./draw.js";
import { onDrag } from "./controls.js";

/** @typedef {import("./errors.js").Curves} Curves */
/** @typedef {"error" | "leaveOneOut" | "training"} OverW */

/** Of each curve of errorCurves: its look and its name. @type {Record<OverW, string[]>} */
const OVER_W = {
  error: ["d2l-true-error", "error against the truth"],
  leaveOneOut: ["d2l-left-out", "leave-one-out loss"],
  training: ["d2l-training", "leave-in loss"],
};
const OVER_W_NAMES = /** @type {OverW[]} */ (Object.keys(OVER_W));
const LOSS_FLOOR = 158;
const LOSS_CEILING = 20;
const W_MARKS = [0.01, 0.1, 1, 10, 100, 1000];

export class LossPanel {
  /** `sigmas`: the lowest and the highest sigma; `moveSigma(sigma)` is told what the reader drags.
   *  @param {import("./shell.js").Shell} shell @param {Element} parent
   *  @param {{ sigmas: number[], moveSigma: (sigma: number) => void }} options */
  constructor(shell, parent, { sigmas, moveSigma }) {
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
    this.curves = OVER_W_NAMES.map(() => shape(this.svg, "path"));
    this.minimum = shape(this.svg, "circle", { r: 8 });
    this.walk = shape(this.svg, "path", { class: "d2l-walk" });
    this.dot = shape(this.svg, "circle", { r: 5 });
    this.label = shape(this.svg, "text", { class: "d2l-sigma-label", "text-anchor": "middle" });
    this.x = logScale(this.range, [46, 100]);
    this.y = scale([0, 1], [LOSS_FLOOR, LOSS_CEILING]);
    this.width = shell.watchWidth(this.box);
    this.drawCurves = kept(this.#drawCurves.bind(this));
    this.drawWalk = kept(this.#drawWalk.bind(this));
    const toW = (/** @type {{ x: number }} */ at) => moveSigma(clamp(1 / this.x.invert(at.x), sigmas));
    onDrag(this.svg, { start: toW, move: toW });
  }

  /** Draw the curves (errors.js), the `active` one strong with its minimum; the marker at sigma, where that loss is
   *  `loss`; on the curve the first `epoch + 1` numbers of `run`.
   *  @param {{ curves: Curves, active: OverW, sigma: number, loss: number, run: number[], epoch: number }} state */
  update({ curves, active, sigma, loss, run, epoch }) {
    const width = this.width();
    if (!width) return;
    this.drawCurves(curves, active, width);
    const at = this.x(clamp(1 / sigma, this.range));
    set(this.line, { d: `M${tenth(at)} ${LOSS_CEILING}V${LOSS_FLOOR}` });
    set(this.dot, { cx: tenth(at), cy: tenth(this.y(loss)) });
    set(this.label, { x: tenth(clamp(at, [this.x.range[0] + 26, width - 38])), y: LOSS_CEILING - 7 });
    write(this.label, `w = ${brief(1 / sigma)}`);
    this.drawWalk(curves, active, run, epoch, width);
  }

  /** @param {Curves} curves @param {OverW} active @param {number[]} run @param {number} epoch
   *  @param {number} _width of the axes */
  #drawWalk(curves, active, run, epoch, _width) {
    set(this.walk, { d: run.slice(0, epoch + 1).map((w) => {
      const passed = clamp(w ? 1 / w : Infinity, this.sigmas);
      const height = this.y(readCurve(curves.sigmas, curves[active], passed));
      return `M${tenth(this.x(1 / passed))} ${tenth(height)}h0`;
    }).join("") });
  }

  /** @param {Curves} curves @param {OverW} active @param {number} width */
  #drawCurves(curves, active, width) {
    const errors = OVER_W_NAMES.flatMap((name) => curves[name]).filter((error) => error >= 0);
    const marks = ticks(0, 1.25 * Math.max(...errors, 1e-9), 4);
    this.x = logScale(this.range, [46, width - 18]);
    this.y = scale([0, marks[marks.length - 1]], [LOSS_FLOOR, LOSS_CEILING]);
    set(this.svg, { viewBox: `0 0 ${width} ${LOSS_FLOOR + 40}`, width, height: LOSS_FLOOR + 40 });
    this.axes.update(this.x, this.y, marks, this.marks);
    const ws = curves.sigmas.map((sigma) => 1 / sigma);
    OVER_W_NAMES.forEach((name, i) => {
      const strength = name === active ? "d2l-active" : "d2l-passive";
      set(this.curves[i], { d: path(ws, curves[name], this.x, this.y), class: `${OVER_W[name][0]} ${strength}` });
    });
    const [look, label] = OVER_W[active];
    const best = lowest(curves[active]);
    const inside = best > 0 && best < ws.length - 1;
    set(this.minimum, { class: `${look} d2l-minimum` });
    set(this.minimum, { display: inside ? "inline" : "none" });
    if (inside) set(this.minimum, { cx: tenth(this.x(ws[best])), cy: tenth(this.y(curves[active][best])) });
    set(this.dot, { class: `${look} d2l-dot` });
    set(this.svg, { "aria-label": `Both losses and the error against the truth over w. The ${label} `
      + `${inside ? `is smallest at w = ${brief(ws[best])}` : "is smallest at the end of the axis"}.` });
  }
}
