// Paper is white: a page that is dark on the screen is printed in its light colours.
(() => {
  "use strict";
  const root = document.documentElement;
  let shown = root.dataset.theme;
  addEventListener("beforeprint", () => {
    shown = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = shown;
  });
})();
