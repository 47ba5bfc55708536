// Explorer "kernels": one kernel in colour, the others behind it, all of the same width or of the same spread.
import { KERNELS, KERNEL_NAMES, effectiveNumber } from "./maths.js";
import { closingWidth, compareKernels, weightCurve, widthOf } from "./shapes.js";
import { brief, fixed, kept, node } from "./draw.js";
import { checkbox, readouts, select } from "./controls.js";
import { Gallery, KernelWindow, OtherKernels } from "./gallery.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./sample.js").Solved & ReturnType<typeof compareKernels> & {
 *    match: boolean, asked: number, closing: number }} State */

const LOOKS = { data: "data", truth: "truth", estimate: "chosen kernel", other: "the other kernels", window: "kernel at q" };

/** The numbers beside the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    role: "σ", estimateAt: "estimate at q", effectiveKeys: "effective keys 1/Σα²", errorThere: "mean squared error",
    empty: "queries without a key", spread: "worst ÷ best error of the six",
  });
  return (/** @type {State} */ state) => {
    const { sigma, kernel, match, query, keys, width, row, estimate, errors, gaps, asked, closing, ratio } = state;
    const { sd, support } = KERNELS[kernel];
    const error = Number.isNaN(errors[kernel]) ? "none" : fixed(errors[kernel], 3);
    const since = `; none ${kernel === "boxcar" ? "from" : "above"} σ = ${brief(closing)}`;
    if (sd === null) box.role.show("no effect", "σ: no width, no standard deviation");
    else if (match) box.role.show(`${brief(sigma)}, width ${brief(width)}`, "σ is the standard deviation");
    else box.role.show(`${brief(sigma)}, sd ${brief(sigma * sd)}`, "σ is the width");
    box.estimateAt.show(Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate), `estimate at q = ${fixed(query)}`);
    box.effectiveKeys.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    box.errorThere.show(error, `mean squared error, ${kernel}`);
    box.empty.show(`${gaps[kernel]} of ${asked}${support === 1 ? since : ""}`);
    box.spread.show(Number.isNaN(ratio) ? "none" : fixed(ratio));
    const setting = sd === null ? "The constant kernel has no standard deviation: σ changes nothing"
      : `${kernel}, width ${brief(width)}, standard deviation ${brief(width * sd)}`;
    return `${setting}. Mean squared error ${error}, worst over best of the six ${fixed(ratio)}.`;
  };
}

/** Returns what computes everything that is drawn.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const { asked } = scene;
  const compared = kept((/** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ sigma,
    /** @type {boolean} */ match) => compareKernels(asked.queries, asked.truth, { keys, values }, sigma, match));
  const closing = kept((/** @type {number[]} */ keys) => closingWidth(asked.queries, keys));
  return () => {
    const { kernel, match } = shell.all(["kernel", "match"]);
    const width = widthOf(kernel, shell.get("sigma"), match);
    const state = scene.solve(kernel, width);
    const { sigma, query, keys, values, row } = state;
    const [peak] = weightCurve([query], query, { keys, kernel, width, row });
    return {
      ...state, ...compared(keys, values, sigma, match), match: Boolean(match), asked: asked.queries.length,
      reach: width * KERNELS[state.kernel].support, weightTop: row.reduce((most, weight) => Math.max(most, weight), peak),
      closing: (closing(keys) * sigma) / width,
    };
  };
}

export default sampleExplorer(["kernel", "match"], (shell, scene) => {
  const solve = solverOf(shell, scene);
  const gallery = new Gallery(shell.el, (kernel) => {
    shell.change({ kernel });
    kernels.input.focus({ preventScroll: true });
  });
  const controls = node(shell.el, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", KERNEL_NAMES, (kernel) => shell.change({ kernel }));
  const match = checkbox(controls, "Match the spreads", (on) => shell.change({ match: on }));
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS, focus: () => point.focus() });
  const others = new OtherKernels(picture);
  const kernelWindow = new KernelWindow(picture);
  const point = scene.pointControls(node(picture.side, "div", { class: "d2l-controls" }));
  shell.buttons({ "New sample": () => scene.drawAgain() }, () => scene.reset());
  return () => {
    const state = solve();
    gallery.update(state);
    picture.update({ ...state, selected: scene.selected });
    others.update(state);
    kernelWindow.update(state);
    kernels.show(state.kernel);
    match.show(state.match);
    point.show(state);
    return showNumbers(state);
  };
});
