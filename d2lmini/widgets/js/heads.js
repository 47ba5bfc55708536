// Explorer "heads": a trained transformer estimates a curve, beside a smoother and the best possible; the weights of one
// of its heads beside the Gaussian that comes nearest to them.
import { meanSquaredError } from "./maths.js";
import { answered, bestCurve, halves, modelOf, nearestGaussian, shown } from "./transformer.js";
import { brief, fixed, kept, node, path, set, shape, write } from "./draw.js";
import { range, readouts, select } from "./controls.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./draw.js").Scale} Scale */
/** @typedef {import("./sample.js").Solved & { smooth: number, smoothed: Numbers, best: Float64Array, bestHere: number,
 *    truthHere: number, gauss: ReturnType<typeof nearestGaussian>, layer: number, head: number, temperature: number,
 *    error: number }} State */

const LOOKS = {
  data: "data", truth: "truth", estimate: "transformer", second: "smoother with σ", best: "best possible",
};
const COUNTS = [6, 12, 16, 24, 48];
const [COLDEST, HOTTEST, PER_DOUBLING] = [-2, 2, 4]; // log2 of the temperature, and steps of the slider in a doubling

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    prediction: "transformer at q", smooth: "smoother at q", best: "best possible at q", truthAt: "truth at q",
    effective: "head: effective keys", sigma: "head: nearest Gaussian's σ", fit: "head: fit of that Gaussian",
    error: "transformer: mean squared error",
  });
  return (/** @type {State} */ { query, keys, estimate, smooth, bestHere, truthHere, gauss, layer, head, error }) => {
    box.prediction.show(fixed(estimate), `transformer at q = ${fixed(query)}`);
    box.smooth.show(fixed(smooth));
    box.best.show(fixed(bestHere));
    box.truthAt.show(fixed(truthHere));
    box.effective.show(`${fixed(gauss.effective, 1)} of ${keys.length}`);
    box.sigma.show(brief(gauss.sigma));
    box.fit.show(fixed(gauss.fit));
    box.error.show(fixed(error, 3));
    return `Layer ${layer}, head ${head}, query ${fixed(query)}: nearest Gaussian σ ${brief(gauss.sigma)}, fit `
      + `${fixed(gauss.fit)}. Transformer ${fixed(estimate)}, smoother ${fixed(smooth)}, best ${fixed(bestHere)}.`;
  };
}

/** The curves of the smoother and of the best possible prediction. @param {import("./picture.js").Picture} picture */
function curvesIn(picture) {
  const { svg, fit } = picture;
  const [smoother, best] = ["d2l-second", "d2l-best"].map((look) => shape(svg, "path", { class: look }));
  fit.estimate.before(smoother, best);
  const drawIn = (/** @type {Element} */ line) => kept((/** @type {Numbers} */ queries, /** @type {Numbers} */ heights,
    /** @type {Scale} */ x, /** @type {Scale} */ y) => set(line, { d: path(queries, heights, x, y) }));
  const [drawSmoother, drawBest] = [smoother, best].map(drawIn);
  return (/** @type {State} */ { queries, smoothed, best: heights }) => {
    drawSmoother(queries, smoothed, picture.x, picture.y);
    drawBest(queries, heights, picture.x, picture.y);
  };
}

/** Returns what computes everything that is drawn.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const model = modelOf(halves(shell.get("numbers")));
  const { queries } = scene;
  const prompt = kept((/** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ temperature) => (
    shown(model, keys, values, 1 / temperature)));
  const curve = kept((/** @type {ReturnType<typeof shown>} */ given) => Array.from(queries, (q) => answered(model, given, q)));
  const heights = kept((/** @type {ReturnType<typeof answered>[]} */ all) => Float64Array.from(all, (one) => one.prediction));
  const here = kept((/** @type {ReturnType<typeof shown>} */ given, /** @type {number} */ query) => (
    answered(model, given, query)));
  const nearest = kept(nearestGaussian);
  const best = kept((/** @type {number[]} */ keys, /** @type {number[]} */ values) => {
    const at = bestCurve(keys, values);
    return { at, curve: queries.map(at) };
  });
  const error = kept((/** @type {ReturnType<typeof shown>} */ given) => meanSquaredError(
    scene.asked.queries.map((q) => answered(model, given, q).prediction), scene.asked.truth));
  const paint = kept(paintOver);
  return () => {
    const state = scene.solve("gaussian", shell.get("sigma"));
    const { keys, values, query } = state;
    const [layer, head, temperature] = ["layer", "head", "temperature"].map((trait) => Number(shell.get(trait)));
    const given = prompt(keys, values, temperature);
    const all = curve(given);
    const now = here(given, query);
    const row = now.heads[layer - 1][head - 1];
    const gauss = nearest(row, query, keys);
    const possible = best(keys, values);
    const seen = scene.drawn?.shown(keys, queries.length);
    return {
      ...state, layer, head, temperature, row, gauss, tilted: gauss.weights, tiltedName: "Gaussian's", reach: gauss.sigma,
      smooth: state.estimate, smoothed: state.estimates, estimates: heights(all), estimate: now.prediction,
      best: possible.curve, bestHere: possible.at(query), truthHere: scene.truthAt(query), error: error(given),
      fit: seen ? paint(seen, state.fit, all, layer - 1, head - 1) : state.fit,
    };
  };
}

/** The head's weights in place of the smoother's in what the heatmap shows; like a fit, with the largest of them.
 *  @param {import("./maths.js").Shown} seen @param {import("./sample.js").Solved["fit"]} fit
 *  @param {ReturnType<typeof answered>[]} all @param {number} layer @param {number} head */
function paintOver({ rows, columns, weights }, fit, all, layer, head) {
  let top = 0;
  rows.forEach((j, r) => {
    const row = all[j].heads[layer][head];
    columns.forEach((i, c) => { weights[r * columns.length + c] = row[i]; });
    top = Math.max(top, ...row);
  });
  return { ...fit, top };
}

export default sampleExplorer(["layer", "head", "temperature"], (shell, scene) => {
  const solve = solverOf(shell, scene);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS, focus: () => point.focus() });
  const showCurves = curvesIn(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const which = (/** @type {string} */ label, /** @type {string} */ trait) => select(
    controls, label, /** @type {string[]} */ (["1", "2"]), (chosen) => shell.change({ [trait]: Number(chosen) }));
  const [layer, head] = [which("Layer", "layer"), which("Head", "head")];
  const heat = range(controls, "Temperature", {
    min: COLDEST * PER_DOUBLING, max: HOTTEST * PER_DOUBLING, step: 1,
    describe: (step) => `temperature ${brief(2 ** (step / PER_DOUBLING))}`,
    onInput: (step) => shell.change({ temperature: 2 ** (step / PER_DOUBLING) }),
  });
  const heatNow = node(heat.box, "output", { class: "d2l-count", "aria-live": "off" });
  const sizes = select(controls, "Number of points", COUNTS, (count) => scene.drawAgain(Number(count)));
  const point = scene.pointControls(controls);
  shell.buttons({ "New sample": () => scene.drawAgain() }, () => scene.reset());
  return () => {
    const state = solve();
    picture.update({ ...state, selected: scene.selected });
    showCurves(state);
    layer.show(String(state.layer));
    head.show(String(state.head));
    heat.show(Math.round(Math.log2(state.temperature) * PER_DOUBLING));
    write(heatNow, brief(state.temperature));
    sizes.show(state.keys.length);
    point.show(state);
    return showNumbers(state);
  };
});
