// Explorer "bandwidth": the fit and its errors over sigma; new samples leave their fits and their choices behind.
import { effectiveNumber, estimatesAt, grid } from "./maths.js";
import { SPREADING } from "./shapes.js";
import { choiceOf, errorCurves, errorsNow, fewer, sigmaGrid, toStep } from "./errors.js";
import { brief, fixed, kept, node, path, set, shape } from "./draw.js";
import { readouts, select } from "./controls.js";
import { ErrorPanel } from "./curves.js";
import { ChoicesPanel, inWords } from "./choices.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./maths.js").KernelName} KernelName */
/** @typedef {import("./errors.js").Curves} Curves */
/** @typedef {import("./sample.js").Solved & { curves: Curves, now: ReturnType<typeof errorsNow>, queryCount: number }} State */
/** @typedef {import("./errors.js").Choice} Choice */
/** A sample before the present one. @typedef {{ keys: number[], values: number[] }} Past */

const LOOKS = { data: "data", truth: "truth", estimate: "estimate", ghost: "fits to earlier samples" };
const GHOST_PAIRS = 8e4; // more pairs of a point and a query than this are too slow for a frame
const EARLIER = 8; // samples whose fits are kept
const GHOST_QUERIES = 101;
const AT_ONCE = 20; // samples

/** The numbers above the curves; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    estimateAt: "estimate at q", effectiveKeys: "effective keys 1/Σα²", trueError: "true error",
    leftOut: "leave-one-out error", trained: "training error", parts: "bias² + variance, given the keys",
  });
  box.trueError.box.classList.add("d2l-keyed", "d2l-true-error");
  box.leftOut.box.classList.add("d2l-keyed", "d2l-left-out");
  box.trained.box.classList.add("d2l-keyed", "d2l-training");
  return (/** @type {State} */ { sigma, query, keys, row, estimate, now, queryCount }) => {
    const out = now.gaps ? "none" : fixed(now.error, 3);
    const loo = Number.isFinite(now.leaveOneOut) ? fixed(now.leaveOneOut, 3) : "not admissible";
    box.estimateAt.show(Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate), `estimate at q = ${fixed(query)}`);
    box.effectiveKeys.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    box.trueError.show(out, now.gaps ? `true error: ${now.gaps} of ${queryCount} queries see no key` : "true error");
    box.leftOut.show(loo);
    box.trained.show(fixed(now.training, 3));
    const [squaredBias, variance] = [now.squaredBias, now.variance].map((x) => fixed(x, 3));
    box.parts.show(now.gaps ? "none" : `${squaredBias} + ${variance} = ${fixed(now.squaredBias + now.variance, 3)}`);
    return `σ ${brief(sigma)}: true error ${out}, leave-one-out error ${loo}, training error ${fixed(now.training, 3)}.`;
  };
}

/** The fits to earlier samples at the present sigma, faint, behind the estimate.
 *  @param {import("./picture.js").Picture} picture */
function ghostsIn(picture) {
  const line = shape(picture.svg, "path", { class: "d2l-ghost" });
  picture.fit.estimate.before(line);
  const queries = grid(picture.domain[0], picture.domain[1], GHOST_QUERIES);
  return kept((/** @type {Past[]} */ samples, /** @type {KernelName} */ kernel, /** @type {number} */ sigma,
    /** @type {import("./draw.js").Scale} */ x, /** @type {import("./draw.js").Scale} */ y) => {
    const room = Math.floor(GHOST_PAIRS / GHOST_QUERIES / Math.max(...samples.map(({ keys }) => keys.length), 1));
    set(line, { d: samples.slice(0, room).map(({ keys, values }) => (
      path(queries, estimatesAt(queries, keys, values, kernel, sigma), x, y))).join("") });
  });
}

/** Returns what computes everything that is drawn; its errors change with data, kernel and sigma.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const sigmas = sigmaGrid(shell.get("sigma_range"));
  const errorsFor = kept((/** @type {number[]} */ keys, /** @type {number[]} */ _values, /** @type {KernelName} */ kernel) => {
    const data = scene.data();
    const curves = errorCurves(data, kernel, fewer(sigmas, keys));
    return { curves, at: kept((/** @type {number} */ sigma) => errorsNow(data, kernel, sigma, curves)) };
  });
  return () => {
    const { sigma, kernel } = shell.all(["sigma", "kernel"]);
    const state = scene.solve(kernel, sigma);
    const { curves, at } = errorsFor(state.keys, state.values, kernel);
    return { ...state, curves, now: at(sigma), queryCount: scene.asked.queries.length };
  };
}

/** The sigma at which a curve is smallest; undefined if it is nowhere defined.
 *  @param {Curves} curves @param {"error" | "leaveOneOut"} name @returns {number | undefined} */
const bestSigma = ({ sigmas, best }, name) => sigmas[best[name]];

/** The samples before the present one: the last few, the last first, for their fits; what all of them chose, while the
 *  kernel stayed the same, in the order in which they came. */
function pastSamples() {
  let samples = /** @type {Past[]} */ ([]);
  let choices = /** @type {Choice[]} */ ([]);
  let chosenWith = /** @type {KernelName | undefined} */ (undefined);
  const withPresent = kept((/** @type {Choice[]} */ earlier, /** @type {Curves} */ curves) => [...earlier, choiceOf(curves)]);
  const keepTo = (/** @type {KernelName} */ kernel) => {
    if (kernel !== chosenWith) choices = [];
    chosenWith = kernel;
  };
  return {
    all: () => samples,
    forget: () => { [samples, choices] = [[], []]; },
    /** @param {State} state */
    choices({ kernel, curves }) {
      keepTo(kernel);
      return withPresent(choices, curves);
    },
    /** @param {State} state */
    add({ keys, values, kernel, curves }) {
      keepTo(kernel);
      samples = [{ keys, values }, ...samples].slice(0, EARLIER);
      choices = [...choices, choiceOf(curves)];
    },
  };
}

/** What the buttons do, by their labels, and what the menu of sizes does.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene
 *  @param {ReturnType<typeof solverOf>} solve @param {ReturnType<typeof pastSamples>} earlier */
function actionsOn(shell, scene, solve, earlier) {
  const goToBest = (/** @type {"error" | "leaveOneOut"} */ error, /** @type {string} */ called) => {
    const sigma = bestSigma(solve().curves, error);
    if (sigma) shell.change({ sigma });
    shell.say(sigma ? `${called} is smallest at σ = ${brief(sigma)}.` : `${called} is nowhere defined.`, { stays: true });
  };
  const drawPoints = (count = scene.count) => {
    if (count === scene.count) earlier.add(solve());
    else earlier.forget();
    scene.drawAgain(count);
  };
  return {
    drawPoints,
    buttons: {
      "Best by leave-one-out": () => goToBest("leaveOneOut", "The leave-one-out error"),
      "Best by true error": () => goToBest("error", "The true error"),
      "New sample": () => drawPoints(),
      [`Draw ${AT_ONCE} samples`]: () => {
        for (let i = 0; i < AT_ONCE; i++) {
          earlier.add(solve());
          scene.draw();
        }
        shell.say(inWords(earlier.choices(solve())), { stays: true });
      },
    },
  };
}

export default sampleExplorer(["kernel"], (shell, scene) => {
  const solve = solverOf(shell, scene);
  const earlier = pastSamples();
  const { buttons, drawPoints } = actionsOn(shell, scene, solve, earlier);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS });
  const showGhosts = ghostsIn(picture);
  const errors = new ErrorPanel(shell, picture.side, {
    sigmas: shell.get("sigma_range"), moveSigma: (sigma) => shell.change({ sigma: toStep(sigma) }),
  });
  const choices = new ChoicesPanel(shell, picture.side, { sigmas: errors.sigmas, marks: errors.marks });
  const controls = node(shell.el, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", SPREADING, (kernel) => shell.change({ kernel }));
  const counts = [1, 2, 4, 8].map((times) => times * shell.get("start").data_keys.length);
  const sizes = select(controls, "Number of points", counts, (count) => drawPoints(Number(count)));
  shell.buttons(buttons, () => {
    earlier.forget();
    scene.reset();
  });
  return () => {
    const state = solve();
    picture.update(state);
    showGhosts(earlier.all(), state.kernel, state.sigma, picture.x, picture.y);
    errors.update(state);
    choices.update(earlier.choices(state));
    kernels.show(state.kernel);
    sizes.show(state.keys.length);
    return showNumbers(state);
  };
});
