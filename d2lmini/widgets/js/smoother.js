// Explorer "smoother": data, estimate, weights at the query and the heatmap, all following sigma.
import {
  KERNELS, TRUTHS, attentionWeights, clamp, effectiveNumber, grid, meanSquaredError, nadarayaWatson, pool,
} from "./maths.js";
import { fixed, node } from "./draw.js";
import { buttonRow, framed, pointControls, readout, select } from "./controls.js";
import { Picture } from "./picture.js";
import { follow, sampleIn } from "./sample.js";

const TRAITS = ["sigma", "query", "kernel", "data_keys", "data_values", "samples"];

/** Everything that is drawn, computed from the model; the error is that at the queries of the sample. */
function solve(model, queries, truth) {
  const [sigma, query, kernel, keys, values] = TRAITS.map((name) => model.get(name));
  const { estimates, weights } = nadarayaWatson(queries, keys, values, kernel, sigma);
  const asked = model.get("sample_queries");
  const answers = nadarayaWatson(asked, keys, values, kernel, sigma).estimates;
  const error = meanSquaredError(answers, asked.map(TRUTHS[model.get("truth")]));
  const gaps = answers.reduce((count, e) => count + Number.isNaN(e), 0);
  const row = attentionWeights(query, keys, kernel, sigma);
  const estimate = pool(row, values);
  return { sigma, query, kernel, keys, values, queries, truth, estimates, weights, row, estimate, error, asked, gaps };
}

/** The numbers beside the picture; `show(state)` returns them as one sentence. */
function readoutsIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const estimateAt = readout(box, "estimate at q");
  const effectiveKeys = readout(box, "effective keys 1/Σα²");
  const errorThere = readout(box, "mean squared error");
  return ({ sigma, query, keys, row, estimate, error, asked, gaps }) => {
    const at = Number.isNaN(estimate) ? "none: no key in reach" : fixed(estimate);
    const effective = fixed(effectiveNumber(row), 1);
    estimateAt.show(at, `estimate at q = ${fixed(query)}`);
    effectiveKeys.show(`${effective} of ${keys.length}`);
    errorThere.show(
      Number.isNaN(error) ? "none" : fixed(error, 3),
      gaps ? `mean squared error, ${gaps} of ${asked.length} queries left out` : "mean squared error",
    );
    return `σ ${Number(sigma.toPrecision(3))}, query ${fixed(query)}: estimate ${at}, ${effective} effective keys.`;
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
    picture.update(state);
    kernels.show(state.kernel);
    point.show(selected, state.keys, state.values);
    status.later(showReadouts(state));
  });

  const showReadouts = readoutsIn(el);
  const picture = new Picture(el, {
    domain, valueRange, redraw,
    moveQuery: (query) => sample.change({ query: clamp(query, domain) }),
    choosePoint: (i) => { choose(i); point.focus(); },
    movePoint: (key, value) => movePoint({ key, value }),
  });
  const controls = node(picture.side, "div", { class: "d2l-controls" });
  const kernels = select(controls, "Kernel", Object.keys(KERNELS), (kernel) => sample.change({ kernel }));
  const point = pointControls(controls, { domain, valueRange, count, choose, move: movePoint });
  const status = buttonRow(el, { "New sample": drawAgain }, () => {
    sample.reset();
    choose(count >> 1);
  });
  return follow(model, TRAITS, redraw, [picture, status]);
}

export default { render };
