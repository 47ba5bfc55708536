// Gradient descent on log sigma, for the Gaussian smoother. No DOM.
import { attentionWeights } from "./maths.js";

/** The slope, by log sigma, of the mean squared error at the keys; each point left out or in. */
export function lossSlope(keys, values, sigma, leftOut) {
  const n = keys.length;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const others = leftOut ? keys.filter((_, j) => j !== i) : keys;
    const row = attentionWeights(keys[i], others, "gaussian", sigma);
    const at = leftOut ? (j) => (j < i ? j : j + 1) : (j) => j;
    let [estimate, mean] = [0, 0];
    for (let j = 0; j < row.length; j++) {
      estimate += row[j] * values[at(j)];
      mean += row[j] * (keys[i] - others[j]) ** 2;
    }
    let covariance = 0;
    for (let j = 0; j < row.length; j++) covariance += row[j] * ((keys[i] - others[j]) ** 2 - mean) * values[at(j)];
    total += (estimate - values[i]) * covariance;
  }
  return (2 * total) / (n * sigma * sigma);
}

/** w = 1 / sigma at the start and after each epoch of step size 1 in log sigma. */
export function descend(keys, values, leftOut, start, epochs) {
  const path = [start];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const w = path[epoch];
    path.push(w > 0 ? w * Math.exp(lossSlope(keys, values, 1 / w, leftOut)) : 0);
  }
  return path;
}
