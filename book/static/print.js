// Paper is white and does not scroll: light colours, and every figure loaded.
(() => {
  "use strict";
  const root = document.documentElement;
  let shown = root.dataset.theme;
  addEventListener("beforeprint", () => {
    shown = root.dataset.theme;
    root.dataset.theme = "light";
    for (const figure of document.querySelectorAll("img[loading=lazy]")) figure.setAttribute("loading", "eager");
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = shown;
  });
})();
