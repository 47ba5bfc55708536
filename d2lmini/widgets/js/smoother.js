// Explorer "smoother": data, estimate, weights at the query and the heatmap, all following sigma.
import { KERNEL_NAMES, effectiveNumber, estimatesAt, meanSquaredError } from "./maths.js";
import { brief, fixed, kept, node } from "./draw.js";
import { readouts, select } from "./controls.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./sample.js").Solved} Solved */

/** The error at the queries of the sample, and how many of them have no estimate.
 *  @param {{ queries: Float64Array, truth: Float64Array }} asked */
const errorAt = ({ queries, truth }) => kept((
  /** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {import("./maths.js").KernelName} */ kernel,
  /** @type {number} */ sigma,
) => {
  const answers = estimatesAt(queries, keys, values, kernel, sigma);
  return { error: meanSquaredError(answers, truth), gaps: answers.filter(Number.isNaN).length, count: queries.length };
});

/** The numbers beside the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    estimateAt: "estimate at q", effectiveKeys: "effective keys 1/Σα²", errorThere: "mean squared error",
  });
  return (/** @type {Solved & { error: number, gaps: number, count: number }} */ state) => {
    const { sigma, query, keys, row, estimate, error, gaps, count } = state;
    const at = Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate);
    const effective = fixed(effectiveNumber(row), 1);
    box.estimateAt.show(at, `estimate at q = ${fixed(query)}`);
    box.effectiveKeys.show(`${effective} of ${keys.length}`);
    box.errorThere.show(
      Number.isNaN(error) ? "none" : fixed(error, 3),
      gaps ? `mean squared error, ${gaps} of ${count} queries left out` : "mean squared error",
    );
    return `σ ${brief(sigma)}, query ${fixed(query)}: estimate ${at}, ${effective} effective keys.`;
  };
}

export default sampleExplorer(["kernel"], (shell, scene) => {
  const error = errorAt(scene.asked);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ focus: () => point.focus() });
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", KERNEL_NAMES, (kernel) => shell.change({ kernel }));
  const point = scene.pointControls(controls);
  shell.buttons({ "New sample": () => scene.drawAgain() }, () => scene.reset());
  return () => {
    const kernel = shell.get("kernel");
    const state = scene.solve(kernel, shell.get("sigma"));
    picture.update({ ...state, selected: scene.selected });
    kernels.show(kernel);
    point.show(state);
    return showNumbers({ ...state, ...error(state.keys, state.values, kernel, state.sigma) });
  };
});
