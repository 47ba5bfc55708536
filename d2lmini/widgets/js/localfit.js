// Explorer "localfit": a local constant and a local line, the piece fitted at the query, and the weights of both.
import { effectiveNumber, localLine, localLines, meanSquaredError, estimatesAt } from "./maths.js";
import { brief, fixed, kept, node, path, set, shape } from "./draw.js";
import { checkbox, readouts } from "./controls.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {import("./maths.js").Numbers} Numbers */
/** @typedef {import("./draw.js").Scale} Scale */
/** @typedef {import("./sample.js").Solved & { line: ReturnType<typeof localLine>, lines: Float64Array,
 *    errors: { constant: number, line: number }, truthHere: number }} State */

const LOOKS = { data: "data", truth: "truth", estimate: "local constant", second: "local line" };

/** The numbers above the picture; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    constantAt: "constant at q", lineAt: "line at q", truthAt: "truth at q", below: "line's weights below 0",
    effectiveKeys: "effective keys 1/Σα²", constantError: "constant: mean squared error", lineError: "line: mean squared error",
  });
  return (/** @type {State} */ { sigma, query, keys, row, estimate, line, errors, truthHere }) => {
    const below = line.weights.reduce((sum, weight) => sum + Math.min(weight, 0), 0);
    const [constant, height] = [estimate, line.estimate].map((x) => fixed(x));
    box.constantAt.show(constant, `constant at q = ${fixed(query)}`);
    box.lineAt.show(height, `line at q = ${fixed(query)}`);
    box.truthAt.show(fixed(truthHere));
    box.below.show(`${fixed(below)} in all`);
    box.effectiveKeys.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    box.constantError.show(fixed(errors.constant, 3));
    box.lineError.show(fixed(errors.line, 3));
    return `σ ${brief(sigma)}, query ${fixed(query)}: constant ${constant}, line ${height}, truth ${fixed(truthHere)}.`;
  };
}

/** The curve of the line, and the two pieces that are fitted at the query.
 *  @param {import("./picture.js").Picture} picture */
function linesIn(picture) {
  const { svg, fit, domain, valueRange } = picture;
  const curve = shape(svg, "path", { class: "d2l-second" });
  fit.estimate.before(curve);
  const [constant, line] = ["constant", "line"].map((of) => shape(svg, "path", { class: `d2l-piece d2l-of-${of}` }));
  const dot = shape(svg, "circle", { class: "d2l-line-dot", r: 6 });
  fit.handle.before(constant, line, dot);
  const drawCurve = kept((/** @type {Numbers} */ queries, /** @type {Numbers} */ lines, /** @type {Scale} */ x,
    /** @type {Scale} */ y) => set(curve, { d: path(queries, lines, x, y) }));
  const inside = (/** @type {number} */ value) => (value >= valueRange[0] && value <= valueRange[1] ? value : NaN);
  return (/** @type {State} */ { queries, lines, query, sigma, estimate, line: { estimate: height, slope } }) => {
    const { x, y } = picture;
    drawCurve(queries, lines, x, y);
    const ends = [Math.max(domain[0], query - sigma), Math.min(domain[1], query + sigma)];
    const along = Float64Array.from({ length: 21 }, (_, i) => ends[0] + ((ends[1] - ends[0]) * i) / 20);
    set(constant, { d: path(ends, ends.map(() => inside(estimate)), x, y) });
    set(line, { d: path(along, along.map((at) => inside(height + slope * (at - query))), x, y) });
    dot.style.display = Number.isNaN(inside(height)) ? "none" : "";
    set(dot, { cx: x(query), cy: y(height) });
  };
}

/** Returns what computes everything that is drawn.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const { queries, truth } = scene.asked;
  const curve = kept(localLines);
  const atQuery = kept(localLine);
  const errors = kept((/** @type {Numbers} */ keys, /** @type {Numbers} */ values, /** @type {number} */ sigma) => ({
    constant: meanSquaredError(estimatesAt(queries, keys, values, "gaussian", sigma), truth),
    line: meanSquaredError(localLines(queries, keys, values, sigma), truth),
  }));
  return () => {
    const sigma = shell.get("sigma");
    const state = scene.solve("gaussian", sigma, { clean: !shell.get("noise") });
    const { keys, values, query } = state;
    const line = atQuery(query, keys, values, sigma);
    return {
      ...state, line, tilted: line.weights, tiltedName: "line's weight", lines: curve(state.queries, keys, values, sigma),
      errors: errors(keys, values, sigma), truthHere: scene.truthAt(query),
    };
  };
}

export default sampleExplorer(["noise"], (shell, scene) => {
  const solve = solverOf(shell, scene);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture({ legend: LOOKS, focus: () => point.focus() });
  const showLines = linesIn(picture);
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const move = scene.move.bind(scene);
  scene.move = (to) => { // a value of one's own is not the truth
    if (to.value !== undefined && !shell.get("noise")) shell.change({ noise: true });
    move(to);
  };
  const noise = checkbox(controls, "Noise in the values", (on) => shell.change({ noise: on }));
  const point = scene.pointControls(controls);
  shell.buttons({ "New sample": () => scene.drawAgain() }, () => scene.reset());
  return () => {
    const state = solve();
    picture.update({ ...state, selected: scene.selected });
    showLines(state);
    noise.show(shell.get("noise"));
    point.show(state);
    return showNumbers(state);
  };
});
