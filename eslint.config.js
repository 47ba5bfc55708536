// make lint-js
import js from "@eslint/js";
import globals from "globals";

const HOUSE = {
  eqeqeq: "error",
  "no-shadow": "error",
  "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "max-len": ["error", { code: 130, ignoreUrls: true }],
};

export default [
  js.configs.recommended,
  { rules: HOUSE },
  { files: ["d2lmini/widgets/js/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["book/static/**/*.js"], languageOptions: { globals: globals.browser, sourceType: "script" } },
  { files: ["tests/js/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
  { ignores: ["_build/", "node_modules/", ".venv*/", "build/", "book/templates/", "book/static/katex/"] },
];
