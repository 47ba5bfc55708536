// Explorer "learning": w on its loss curve, the epochs of a training run, and what the fit makes of them.
import { TRUTHS, attentionWeights, clamp, effectiveNumber, grid, nadarayaWatson, pool } from "./maths.js";
import { errorCurves, errorsAtKeys, errorsAtQueries, lowest, sigmaGrid } from "./errors.js";
import { fixed, node } from "./draw.js";
import { buttonRow, framed, range, readout, select } from "./controls.js";
import { Picture } from "./picture.js";
import { LossPanel } from "./losses.js";
import { descend } from "./walk.js";
import { follow, sampleIn } from "./sample.js";

const TRAITS = ["sigma", "query", "loss", "epoch", "runs", "data_keys", "data_values"];
const LOSS_NAMES = { "leave-one-out": "leaveOneOut", "leave-in": "training" };

const short = (x) => String(Number(x.toPrecision(3)));

/** Errors over sigma, computed when the data change and kept until then. */
function curvesOver(sigmas) {
  let [keys, values, curves] = [null, null, null];
  return (data) => {
    if (data.keys !== keys || data.values !== values) curves = errorCurves(data, "gaussian", sigmas);
    ({ keys, values } = data);
    return curves;
  };
}

/** The numbers above the curves; `show(state)` returns them as one sentence. */
function numbersIn(parent) {
  const box = node(parent, "div", { class: "d2l-readouts" });
  const [w, leftOut, leftIn, error, effective] = [
    "w = 1/σ", "loss (leave-one-out)", "loss (leave-in)", "error against the truth", "effective keys at q",
  ].map((label) => readout(box, label));
  for (const [shown, look] of [[leftOut, "left-out"], [leftIn, "training"], [error, "true-error"]]) {
    shown.box.classList.add("d2l-keyed", `d2l-${look}`);
  }
  return ({ sigma, onRun, epoch, now, row, keys }) => {
    const [out, inside, away] = [now.leaveOneOut, now.training, now.error].map((x) => fixed(x, 3));
    const where = onRun ? `epoch ${epoch}` : "moved by hand";
    w.show(short(1 / sigma), `w = 1/σ, ${where}`);
    leftOut.show(out);
    leftIn.show(inside);
    error.show(away);
    effective.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    return `w ${short(1 / sigma)}, ${where}: leave-one-out loss ${out}, leave-in loss ${inside}, `
      + `error against the truth ${away}.`;
  };
}

function render({ model, el }) {
  el.classList.add("d2l");
  const [domain, valueRange, name] = ["domain", "value_range", "truth"].map((trait) => model.get(trait));
  const truthAt = TRUTHS[name];
  const queries = grid(...domain, model.get("resolution"));
  const truth = queries.map(truthAt);
  const asked = { queries: model.get("sample_queries"), noiseSd: model.get("noise_sd") };
  asked.truth = asked.queries.map(truthAt);
  const sigmas = model.get("sigma_range");
  const curvesFor = curvesOver(sigmaGrid(sigmas));
  const sample = sampleIn(model);
  let told = false; // the status line says what a button did
  const sigmaOf = (w) => clamp(w ? 1 / w : Infinity, sigmas);

  /** The run of a loss, the epoch where it stands, and whether sigma is that of the epoch. */
  const training = (loss = model.get("loss")) => {
    const run = model.get("runs")[loss];
    const epoch = Math.min(model.get("epoch"), run.length - 1);
    return { run, epoch, onRun: Math.abs(Math.log(model.get("sigma") / sigmaOf(run[epoch]))) < 1e-6 };
  };
  const solve = () => {
    const [sigma, query, loss, , , keys, values] = TRAITS.map((trait) => model.get(trait));
    const data = { ...asked, keys, values, signal: keys.map(truthAt) };
    const now = { ...errorsAtKeys(keys, values, "gaussian", sigma), ...errorsAtQueries(data, "gaussian", sigma) };
    const row = attentionWeights(query, keys, "gaussian", sigma);
    const { estimates, weights } = nadarayaWatson(queries, keys, values, "gaussian", sigma);
    const active = LOSS_NAMES[loss];
    return {
      sigma, query, kernel: "gaussian", keys, values, queries, truth, estimates, weights, row,
      estimate: pool(row, values), now, active, loss: now[active], curves: curvesFor(data), ...training(),
    };
  };
  const redraw = framed(() => {
    const state = solve();
    picture.update(state);
    losses.update(state);
    choice.show(model.get("loss"));
    epochs.input.max = state.run.length - 1;
    epochs.show(state.epoch);
    const sentence = showNumbers(state);
    if (!told) status.later(sentence);
    told = false;
  });
  const tell = (text) => { // stays until the next change
    told = true;
    status.say(text);
    redraw();
  };
  const goTo = (epoch) => sample.change({ epoch, sigma: sigmaOf(training().run[epoch]) });
  const trainOn = (loss) => {
    const { onRun } = training();
    const { run, epoch } = training(loss);
    sample.change({ loss, epoch, ...(onRun && { sigma: sigmaOf(run[epoch]) }) });
  };
  const nextEpoch = () => {
    const { run, epoch } = training();
    if (epoch + 1 < run.length) goTo(epoch + 1);
    else tell(`The run ends at epoch ${epoch}.`);
  };
  const goToSmallest = () => {
    const [loss, { curves, active }] = [model.get("loss"), solve()];
    const best = lowest(curves[active]);
    const w = short(1 / curves.sigmas[best]);
    sample.change({ sigma: toStep(curves.sigmas[best]) });
    const inside = best > 0 && best < curves.sigmas.length - 1;
    tell(inside ? `The ${loss} loss is smallest at w = ${w}.`
      : `The ${loss} loss has no minimum here: it is smallest at the end of the axis, w = ${w}.`);
  };
  const drawAndTrain = () => {
    const samples = sample.draw(model.get("data_keys").length);
    const [keys, values] = [model.get("data_keys"), model.get("data_values")];
    const runs = Object.fromEntries(Object.entries(model.get("runs")).map(([loss, { 0: first, length }]) => (
      [loss, descend(keys, values, loss === "leave-one-out", first, length - 1)])));
    sample.change({ runs });
    const { epoch } = training();
    goTo(epoch);
    tell(`New sample ${samples}, trained anew: w = ${short(1 / model.get("sigma"))} at epoch ${epoch}.`);
  };

  const showNumbers = numbersIn(el);
  const picture = new Picture(el, {
    domain, valueRange, redraw, moveQuery: (query) => sample.change({ query: clamp(query, domain) }),
  });
  const toStep = (sigma) => 10 ** (Math.round(100 * Math.log10(sigma)) / 100); // where the slider can stand
  const losses = new LossPanel(picture.heatmap.box.parentElement, {
    sigmas, moveSigma: (sigma) => sample.change({ sigma: toStep(sigma) }),
  });
  const controls = node(picture.main, "div", { class: "d2l-controls d2l-stacked" });
  const epochs = range(controls, "Epoch", {
    min: 0, max: training().run.length - 1, step: 1, onInput: goTo,
    describe: (epoch) => `epoch ${epoch}: w = ${short(1 / sigmaOf(training().run[epoch]))}`,
  });
  const choice = select(controls, "Train on", Object.keys(LOSS_NAMES), trainOn);
  const actions = { "Next epoch": nextEpoch, "Smallest loss": goToSmallest, "New sample": drawAndTrain };
  const status = buttonRow(el, actions, () => {
    sample.reset();
    told = true;
    redraw();
  });
  return follow(model, TRAITS, redraw, [picture, status]);
}

export default { render };
