// Explorer "kernels": one kernel in colour, the others behind it, all of the same width or of the same spread.
import { KERNELS, TRUTHS, attentionWeights, clamp, effectiveNumber, grid, nadarayaWatson, pool } from "./maths.js";
import { closingWidth, compareKernels, weightCurve, widthOf } from "./shapes.js";
import { fixed, node } from "./draw.js";
import { buttonRow, checkbox, framed, pointControls, readout, select } from "./controls.js";
import { Gallery, KernelWindow, OtherKernels } from "./gallery.js";
import { Picture } from "./picture.js";
import { follow, sampleIn } from "./sample.js";

const TRAITS = ["sigma", "kernel", "match", "query", "data_keys", "data_values", "samples"];
const LOOKS = { data: "data", truth: "truth", estimate: "chosen kernel", other: "the other kernels", window: "kernel at q" };

const digits = (x) => String(Number(x.toPrecision(3)));

/** Everything that is drawn, computed from the model; errors are those at the queries of the sample. */
function solve(model, queries, truth) {
  const [sigma, kernel, match, query, keys, values] = TRAITS.map((name) => model.get(name));
  const width = widthOf(kernel, sigma, match);
  const { estimates, weights } = nadarayaWatson(queries, keys, values, kernel, width);
  const row = attentionWeights(query, keys, kernel, width);
  const asked = model.get("sample_queries");
  const compared = compareKernels(asked, asked.map(TRUTHS[model.get("truth")]), { keys, values }, sigma, match);
  const peak = weightCurve([query], query, { keys, kernel, width, row })[0];
  return {
    sigma, kernel, match, query, keys, values, width, queries, truth, estimates, weights, row, ...compared,
    estimate: pool(row, values), reach: width * KERNELS[kernel].support, weightTop: Math.max(peak, ...row),
    asked: asked.length, closing: (closingWidth(asked, keys) * sigma) / width,
  };
}

/** The numbers beside the picture; `show(state)` returns them as one sentence. */
function readoutsIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const [role, estimateAt, effectiveKeys, errorThere, empty, spread] = [
    "σ", "estimate at q", "effective keys 1/Σα²", "mean squared error", "queries without a key", "worst ÷ best error of the six",
  ].map((label) => readout(box, label));
  return ({ sigma, kernel, match, query, keys, width, row, estimate, errors, gaps, asked, closing, ratio }) => {
    const { sd, support } = KERNELS[kernel];
    const at = Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate);
    const error = Number.isNaN(errors[kernel]) ? "none" : fixed(errors[kernel], 3);
    const since = `; none ${kernel === "boxcar" ? "from" : "above"} σ = ${digits(closing)}`;
    if (sd === null) role.show("no effect", "σ: no width, no standard deviation");
    else if (match) role.show(`${digits(sigma)}, width ${digits(width)}`, "σ is the standard deviation");
    else role.show(`${digits(sigma)}, sd ${digits(sigma * sd)}`, "σ is the width");
    estimateAt.show(at, `estimate at q = ${fixed(query)}`);
    effectiveKeys.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    errorThere.show(error, `mean squared error, ${kernel}`);
    empty.show(`${gaps[kernel]} of ${asked}${support === 1 ? since : ""}`);
    spread.show(Number.isNaN(ratio) ? "none" : fixed(ratio));
    const setting = sd === null ? "The constant kernel has no standard deviation: σ changes nothing"
      : `${kernel}, width ${digits(width)}, standard deviation ${digits(width * sd)}`;
    return `${setting}. Mean squared error ${error}, worst over best of the six ${fixed(ratio)}.`;
  };
}

function render({ model, el }) {
  el.classList.add("d2l");
  const [domain, valueRange, name] = ["domain", "value_range", "truth"].map((trait) => model.get(trait));
  const queries = grid(...domain, model.get("resolution"));
  const truth = queries.map(TRUTHS[name]);
  const count = model.get("data_keys").length;
  const sample = sampleIn(model);
  let selected = count >> 1;

  const choose = (i) => { selected = i; redraw(); };
  const movePoint = (to) => sample.move(selected, to);
  const drawAgain = () => {
    status.say(`New sample ${sample.draw(count)}: ${count} points drawn again from the same truth.`);
  };
  const redraw = framed(() => {
    const state = { ...solve(model, queries, truth), selected };
    gallery.update(state);
    picture.update(state);
    others.update(state);
    kernelWindow.update(state);
    kernels.show(state.kernel);
    match.show(state.match);
    point.show(selected, state.keys, state.values);
    status.later(showReadouts(state));
  });

  const gallery = new Gallery(el, (kernel) => {
    sample.change({ kernel });
    kernels.input.focus({ preventScroll: true });
  });
  const controls = node(el, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", Object.keys(KERNELS), (kernel) => sample.change({ kernel }));
  const match = checkbox(controls, "Match the spreads", (on) => sample.change({ match: on }));
  const showReadouts = readoutsIn(el);
  const picture = new Picture(el, {
    domain, valueRange, redraw, legend: LOOKS,
    moveQuery: (query) => sample.change({ query: clamp(query, domain) }),
    choosePoint: (i) => { choose(i); point.focus(); },
    movePoint: (key, value) => movePoint({ key, value }),
  });
  const others = new OtherKernels(picture);
  const kernelWindow = new KernelWindow(picture);
  const point = pointControls(node(picture.side, "div", { class: "d2l-controls" }), { domain, valueRange, count, choose, move: movePoint });
  const status = buttonRow(el, { "New sample": drawAgain }, () => {
    sample.reset();
    choose(count >> 1);
  });
  return follow(model, TRAITS, redraw, [picture, status]);
}

export default { render };
