// Explorer "average": one mean for every query, flat weights, and what the values near the query say instead.
import { attentionWeights, ceiling, clamp, meanSquaredError, pool } from "./maths.js";
import { brief, fixed, node, path, set, shape } from "./draw.js";
import { readouts, select } from "./controls.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./sample.js").Solved} Solved */
/** @typedef {Solved & { near: number, inside: number, error: number, drawn: number[] }} State */

const LOOKS = { data: "data", truth: "truth", estimate: "mean of all", second: "mean within σ of q" };

/** The numbers beside the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    meanOfAll: "mean of all values", meanNear: "mean within σ of q", errorThere: "mean squared error",
    weight: "weight of each key", moved: "your changes, summed ÷ n",
  });
  return (/** @type {State} */ { sigma, query, keys, values, row, estimate, near, inside, error, drawn }) => {
    const n = keys.length;
    const local = inside ? fixed(near) : "none";
    const change = values.reduce((total, value, i) => total + value - drawn[i], 0);
    box.meanOfAll.show(fixed(estimate), `mean of all ${n} values`);
    box.meanNear.show(local, `mean of the ${inside} within σ of q = ${fixed(query)}`);
    box.errorThere.show(fixed(error, 3));
    box.weight.show(`1/${n} = ${Number(row[0].toPrecision(2))}`);
    box.moved.show(`${signed(change, 2)} / ${n} = ${signed(change / n, 3)}`, `your changes, summed ÷ ${n}`);
    return `σ ${brief(sigma)}, query ${fixed(query)}: mean of all ${fixed(estimate)}, `
      + `mean of the ${inside} within σ ${local}.`;
  };
}

/** @param {number} x @param {number} digits */
const signed = (x, digits) => (Math.abs(x) < 0.5 * 10 ** -digits ? "0" : (x > 0 ? "+" : "") + fixed(x, digits));

/** The mean of the values in the window, as wide as the window. @param {import("./picture.js").Picture} picture */
function nearLine(picture) {
  const line = shape(picture.svg, "path", { class: "d2l-second" });
  return (/** @type {State} */ { query, sigma, near }) => {
    const ends = [query - sigma, query + sigma].map((x) => clamp(x, picture.domain));
    set(line, { d: path(ends, [near, near], picture.x, picture.y) });
  };
}

export default sampleExplorer([], (shell, scene) => {
  const { truth } = scene.asked;
  let drawn = { samples: shell.get("samples"), values: /** @type {number[]} */ (shell.get("data_values")) };
  /** @param {number} count */
  const drawPoints = (count) => {
    scene.selected = count >> 1;
    scene.drawAgain(count);
  };

  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS, focus: () => point.focus() });
  const showNear = nearLine(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const sizes = [...new Set([10, 50, 200, scene.count])].sort((a, b) => a - b);
  const size = select(controls, "Number of points", sizes, (count) => drawPoints(Number(count)));
  const point = scene.pointControls(controls);
  shell.buttons({ "New sample": () => drawPoints(scene.count) }, () => scene.reset());
  return () => {
    const state = scene.solve("constant", 1); // of no effect: the mean does not follow sigma
    const { sigma, query, keys, values, estimate } = state;
    if (drawn.samples !== shell.get("samples")) drawn = { samples: shell.get("samples"), values };
    const window = attentionWeights(query, keys, "boxcar", sigma);
    const all = {
      ...state, drawn: drawn.values, near: pool(window, values), inside: window.filter((weight) => weight > 0).length,
      error: meanSquaredError(truth.map(() => estimate), truth),
    };
    const top = ceiling(2 / keys.length);
    picture.update({ ...state, selected: scene.selected, reach: sigma, top, weightTop: top });
    showNear(all);
    size.show(keys.length);
    point.show(state);
    return showNumbers(all);
  };
});
