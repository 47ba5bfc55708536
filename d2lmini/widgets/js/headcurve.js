// The model that predicts curves, in the explorer of heads: its prediction beside the smoother's and the best.
import { attentionWeights, effectiveNumber, estimatesAt, grid, meanSquaredError, pool } from "./maths.js";
import { ask, readHead, readPoints } from "./transformer.js";
import { bestCurve, curveAt, drawProblem } from "./problems.js";
import { brief, fixed, kept, node, shape } from "./draw.js";
import { readouts } from "./controls.js";
import { gaussianOf, headControls, headOf, lineOf, modelOf, showPart, told } from "./headparts.js";
import { NumbersBehind } from "./numbers.js";
import { Points } from "./sample.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./shell.js").Shell} Shell */
/** @typedef {ReturnType<ReturnType<typeof solverOf>>} State */

const LOOKS = {
  data: "points shown", truth: "curve", estimate: "model, its head", second: "smoother", best: "best possible",
  fitted: "Gaussian fitted to the head",
};
/** Bandwidths among which the best is sought, from one end of the slider to the other. */
const TRIED = Float64Array.from({ length: 81 }, (_, i) => 0.03 * 10 ** (i / 40));

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    model: "model at q", smoother: "smoother", best: "best possible", errors: "mean squared error: model / smoother / best",
    effective: "effective keys 1/Σα²", distance: "mean distance, weighted", fit: "explained by a Gaussian of distance",
    width: "its σ",
  });
  return (/** @type {State} */ { query, sigma, keys, layer, head, row, reading, estimate, smoothed, best, errors }) => {
    const [said, at] = [told(reading), `at q = ${fixed(query)}`];
    box.model.show(fixed(estimate), `model ${at}`);
    box.smoother.show(fixed(smoothed), `smoother, σ = ${brief(sigma)}`);
    box.best.show(fixed(best));
    box.errors.show(errors.map((error) => fixed(error, 3)).join(" / "));
    box.effective.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    box.distance.show(fixed(reading.distance));
    box.fit.show(said.fit);
    box.width.show(said.width);
    return `Layer ${layer}, head ${head}, ${at}: model ${fixed(estimate)}, smoother ${fixed(smoothed)}, `
      + `best possible ${fixed(best)}; ${said.sentence}.`;
  };
}

/** The curves beside the model's, and the fitted Gaussian over the weights. @param {import("./picture.js").Picture} picture */
function linesIn(picture) {
  const { svg, fit, weights } = picture;
  const [best, second, fitted] = ["best", "second", "fitted"].map((look) => shape(svg, "path", { class: `d2l-${look}` }));
  fit.estimate.before(best, second);
  weights.line.before(fitted);
  const [drawBest, drawSecond, drawFitted] = [best, second, fitted].map(lineOf);
  return (/** @type {State} */ { places, smoother, bests, gaussian }) => {
    drawBest(places, bests, picture.x, picture.y);
    drawSecond(places, smoother, picture.x, picture.y);
    drawFitted(places, gaussian.along, picture.x, picture.weightsY);
  };
}

/** The model's answers, each computed anew only where something changed. @param {Shell} shell @param {Numbers} queries */
function answersOf(shell, queries) {
  /** @typedef {ReturnType<typeof readPoints>} Memory */
  const model = modelOf(shell);
  const read = kept((/** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ temperature) => (
    readPoints(model, keys, values, temperature)));
  const everywhere = kept((/** @type {Memory} */ points, /** @type {number} */ temperature) => (
    ask(model, points, queries, temperature)));
  const here = kept((/** @type {Memory} */ points, /** @type {number} */ query, /** @type {number} */ temperature) => (
    ask(model, points, [query], temperature)));
  return (/** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ query) => {
    const temperature = shell.get("temperature");
    const points = read(keys, values, temperature);
    return { curve: everywhere(points, temperature), here: here(points, query, temperature) };
  };
}

/** Returns what computes everything that is drawn. @param {Shell} shell @param {Points} points */
function solverOf(shell, points) {
  const { queries } = points;
  const answers = answersOf(shell, queries);
  const places = grid(points.domain[0], points.domain[1], 201); // a narrow kernel has corners; the model's curve has none
  const [everywhere, atQuery, bestOf] = [kept(estimatesAt), kept(attentionWeights), kept(bestCurve)];
  const [reading, head, row, gaussian] = [kept(readHead), kept(headOf), kept(headOf), kept(gaussianOf)];
  const truthOf = kept((/** @type {number[]} */ curve) => queries.map((x) => curveAt(curve, x)));
  const errorsOf = kept((/** @type {Float64Array} */ truth, /** @type {Float64Array} */ predictions,
    /** @type {number[]} */ keys, /** @type {number[]} */ values, /** @type {number} */ sigma) => [
    predictions, estimatesAt(queries, keys, values, "gaussian", sigma), bestCurve(queries, keys, values),
  ].map((heights) => meanSquaredError(heights, truth)));
  return () => {
    const [sigma, query, keys, values, layer, which] = (
      ["sigma", "query", "data_keys", "data_values", "layer", "head"].map((trait) => shell.get(trait)));
    points.keepChosen();
    const { curve, here } = answers(keys, values, query);
    const own = row(here.weights[layer - 1], which, 1, keys.length).weights;
    const read = reading(own, query, keys);
    const truth = truthOf(shell.get("curve"));
    const smoother = everywhere(places, keys, values, "gaussian", sigma);
    const weights = atQuery(query, keys, "gaussian", sigma);
    const bests = bestOf(places, keys, values);
    const fitted = gaussian(places, query, keys, read.sigma);
    return {
      sigma, query, layer, keys, values, queries, places, truth, smoother, bests, row: own, reading: read, gaussian: fitted,
      head: which, kernel: /** @type {const} */ ("gaussian"), width: sigma, selected: points.selected,
      estimates: curve.predictions, estimate: here.predictions[0],
      fit: { ...head(curve.weights[layer - 1], which, queries.length, keys.length), estimates: curve.predictions },
      weightTop: Math.max(...own, ...fitted.weights),
      tilted: weights, tiltedName: "smoother's", smoothed: pool(weights, values), best: bestCurve([query], keys, values)[0],
      errors: errorsOf(truth, curve.predictions, keys, values, sigma),
    };
  };
}

/** What the buttons do, by their labels. @param {Shell} shell @param {Points} points */
function actionsOn(shell, points) {
  return {
    "New curve"() {
      const samples = shell.get("samples") + 1;
      shell.change({ ...drawProblem(points.count, points.domain, points.valueRange, samples), samples });
      shell.say(`Curve ${samples}: ${points.count} points of a curve that nobody has seen.`);
    },
    "Best σ for this curve"() {
      const [keys, values, curve] = ["data_keys", "data_values", "curve"].map((trait) => shell.get(trait));
      const truth = points.queries.map((x) => curveAt(curve, x));
      const errors = Array.from(TRIED, (sigma) => (
        meanSquaredError(estimatesAt(points.queries, keys, values, "gaussian", sigma), truth)));
      const least = errors.indexOf(Math.min(...errors));
      shell.change({ sigma: TRIED[least] });
      const error = `mean squared error ${fixed(errors[least], 3)}`;
      shell.say(`σ = ${brief(TRIED[least])} comes nearest to this curve: ${error}.`, { stays: true });
    },
  };
}

/** @param {Shell} shell */
export function curveIn(shell) {
  const points = new Points(shell);
  const solve = solverOf(shell, points);
  const showControls = headControls(shell.el, shell);
  const showNumbers = numbersIn(shell.el);
  const picture = points.picture({ legend: LOOKS, focus: () => point.focus() });
  const showLines = linesIn(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const point = points.pointControls(controls);
  shell.buttons(actionsOn(shell, points), () => points.reset());
  const numbers = new NumbersBehind(shell);
  return () => {
    const state = solve();
    showPart(state.fit.weights, state.keys.length, picture.shown(state.keys, state.queries.length));
    picture.update(state);
    showLines(state);
    showControls();
    point.show(state);
    numbers.update(state, LOOKS);
    return showNumbers(state);
  };
}
