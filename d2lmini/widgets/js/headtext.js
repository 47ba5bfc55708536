// placeholder
import { node } from "./draw.js";
/** @param {import("./shell.js").Shell} shell */
export function textIn(shell) {
  node(shell.el, "p");
  return () => "";
}
