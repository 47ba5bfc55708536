// Explorer "learning": w on its loss curve, the epochs of a training run, and what the fit makes of them.
import { clamp, effectiveNumber } from "./maths.js";
import { errorCurves, errorsNow, lowest, sigmaGrid, toStep } from "./errors.js";
import { brief, fixed, kept, node } from "./draw.js";
import { range, readouts, select } from "./controls.js";
import { LossPanel } from "./losses.js";
import { descend } from "./walk.js";
import { sampleExplorer } from "./sample.js";

/** @typedef {"leave-one-out" | "leave-in"} LossName */
/** @typedef {import("./sample.js").Solved & { now: ReturnType<typeof errorsNow>, onRun: boolean, epoch: number }} State */

/** @type {Record<LossName, "leaveOneOut" | "training">} */
const LOSS_NAMES = { "leave-one-out": "leaveOneOut", "leave-in": "training" };

/** The numbers above the curves; `show(state)` returns them as one sentence. @param {Element} parent */
function numbersIn(parent) {
  const box = readouts(parent, {
    w: "w = 1/σ", leftOut: "loss (leave-one-out)", leftIn: "loss (leave-in)", error: "error against the truth",
    effective: "effective keys at q",
  });
  box.leftOut.box.classList.add("d2l-keyed", "d2l-left-out");
  box.leftIn.box.classList.add("d2l-keyed", "d2l-training");
  box.error.box.classList.add("d2l-keyed", "d2l-true-error");
  return (/** @type {State} */ { sigma, onRun, epoch, now, row, keys }) => {
    const [out, inside, away] = [now.leaveOneOut, now.training, now.error].map((x) => fixed(x, 3));
    const where = onRun ? `epoch ${epoch}` : "moved by hand";
    box.w.show(brief(1 / sigma), `w = 1/σ, ${where}`);
    box.leftOut.show(out);
    box.leftIn.show(inside);
    box.error.show(away);
    box.effective.show(`${fixed(effectiveNumber(row), 1)} of ${keys.length}`);
    return `w ${brief(1 / sigma)}, ${where}: leave-one-out loss ${out}, leave-in loss ${inside}, `
      + `error against the truth ${away}.`;
  };
}

/** Where training stands, and everything that is drawn, computed anew where something changed.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene */
function solverOf(shell, scene) {
  const ends = /** @type {number[]} */ (shell.get("sigma_range"));
  const sigmas = sigmaGrid(ends);
  const errorsFor = kept((/** @type {number[]} */ _keys, /** @type {number[]} */ _values) => {
    const data = scene.data();
    const curves = errorCurves(data, "gaussian", sigmas);
    return { curves, at: kept((/** @type {number} */ sigma) => errorsNow(data, "gaussian", sigma, curves)) };
  });
  const sigmaOf = (/** @type {number} */ w) => clamp(w ? 1 / w : Infinity, ends);
  /** The run of a loss, the epoch where it stands, and whether sigma is that of the epoch. */
  const training = (/** @type {LossName} */ loss = shell.get("loss")) => {
    const run = /** @type {number[]} */ (shell.get("runs")[loss]);
    const epoch = Math.min(shell.get("epoch"), run.length - 1);
    return { run, epoch, onRun: Math.abs(Math.log(shell.get("sigma") / sigmaOf(run[epoch]))) < 1e-6 };
  };
  const solve = () => {
    const state = scene.solve("gaussian", shell.get("sigma"));
    const { curves, at } = errorsFor(state.keys, state.values);
    const now = at(state.sigma);
    const active = LOSS_NAMES[/** @type {LossName} */ (shell.get("loss"))];
    return { ...state, now, active, loss: now[active], curves, ...training() };
  };
  return { sigmaOf, training, solve };
}

/** What menu, slider and buttons do.
 *  @param {import("./shell.js").Shell} shell @param {import("./sample.js").Scene} scene
 *  @param {ReturnType<typeof solverOf>} solver */
function actionsOn(shell, scene, { sigmaOf, training, solve }) {
  const tell = (/** @type {string} */ text) => shell.say(text, { stays: true });
  const goTo = (/** @type {number} */ epoch) => shell.change({ epoch, sigma: sigmaOf(training().run[epoch]) });
  const trainOn = (/** @type {LossName} */ loss) => {
    const { onRun } = training();
    const { run, epoch } = training(loss);
    shell.change({ loss, epoch, ...(onRun && { sigma: sigmaOf(run[epoch]) }) });
  };
  const nextEpoch = () => {
    const { run, epoch } = training();
    if (epoch + 1 < run.length) goTo(epoch + 1);
    else tell(`The run ends at epoch ${epoch}.`);
  };
  const goToSmallest = () => {
    const { curves: { sigmas, ...curves }, active } = solve();
    const best = lowest(curves[active]);
    const [loss, w] = [shell.get("loss"), brief(1 / sigmas[best])];
    shell.change({ sigma: toStep(sigmas[best]) });
    tell(best > 0 && best < sigmas.length - 1 ? `The ${loss} loss is smallest at w = ${w}.`
      : `The ${loss} loss has no minimum here: it is smallest at the end of the axis, w = ${w}.`);
  };
  const drawAndTrain = () => {
    const samples = scene.draw();
    const { keys, values } = scene.data();
    const runs = Object.fromEntries(Object.entries(shell.get("runs")).map(([loss, { 0: first, length }]) => (
      [loss, descend(keys, values, loss === "leave-one-out", first, length - 1)])));
    shell.change({ runs });
    const { epoch } = training();
    goTo(epoch);
    tell(`New sample ${samples}, trained anew: w = ${brief(1 / shell.get("sigma"))} at epoch ${epoch}.`);
  };
  return { goTo, trainOn, buttons: { "Next epoch": nextEpoch, "Smallest loss": goToSmallest, "New sample": drawAndTrain } };
}

export default sampleExplorer(["loss", "epoch", "runs"], (shell, scene) => {
  const solver = solverOf(shell, scene);
  const { goTo, trainOn, buttons } = actionsOn(shell, scene, solver);
  const showNumbers = numbersIn(shell.el);
  const picture = scene.picture();
  const losses = new LossPanel(shell, picture.side, {
    sigmas: shell.get("sigma_range"), moveSigma: (sigma) => shell.change({ sigma: toStep(sigma) }),
  });
  const controls = node(picture.main, "div", { class: "d2l-controls d2l-stacked" });
  const epochs = range(controls, "Epoch", {
    min: 0, max: solver.training().run.length - 1, step: 1, onInput: goTo,
    describe: (epoch) => `epoch ${epoch}: w = ${brief(1 / solver.sigmaOf(solver.training().run[epoch]))}`,
  });
  const choice = select(controls, "Train on", Object.keys(LOSS_NAMES), (loss) => trainOn(/** @type {LossName} */ (loss)));
  shell.buttons(buttons, () => shell.toStart(), { stays: true });
  return () => {
    const state = solver.solve();
    picture.update(state);
    losses.update(state);
    choice.show(shell.get("loss"));
    epochs.input.max = String(state.run.length - 1);
    epochs.show(state.epoch);
    return showNumbers(state);
  };
});
