// Gradient descent on log sigma, for the Gaussian smoother. No DOM.
import { eachRow, inOrder, orderOf } from "./maths.js";

/** @typedef {import("./maths.js").Numbers} Numbers */

/** The slope, by log sigma, of the mean squared error at the keys; each point left out or in.
 *  @param {Numbers} keys @param {Numbers} values @param {number} sigma @param {boolean} leftOut */
export function lossSlope(keys, values, sigma, leftOut) {
  const order = orderOf(keys);
  const [places, heights] = [inOrder(keys, order), inOrder(values, order)];
  let slope = 0;
  eachRow(places, places, heights, "gaussian", sigma, (i, row, { from, to, total, mean: estimate }) => {
    let mean = 0;
    for (let j = from; j < to; j++) mean += (row[j] / total) * (places[i] - places[j]) ** 2;
    let covariance = 0;
    for (let j = from; j < to; j++) covariance += row[j] * ((places[i] - places[j]) ** 2 - mean) * heights[j];
    slope += (estimate - heights[i]) * (covariance / total);
  }, leftOut);
  return (2 * slope) / (keys.length * sigma * sigma);
}

/** w = 1 / sigma at the start and after each epoch of step size 1 in log sigma.
 *  @param {Numbers} keys @param {Numbers} values @param {boolean} leftOut @param {number} start @param {number} epochs */
export function descend(keys, values, leftOut, start, epochs) {
  const path = [start];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const w = path[epoch];
    path.push(w > 0 ? w * Math.exp(lossSlope(keys, values, 1 / w, leftOut)) : 0);
  }
  return path;
}
