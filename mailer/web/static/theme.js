// Runs before the first paint: the theme "system" becomes light or dark as the browser wishes.
// Without JavaScript theme.css does the same for everything but Bootstrap's own arrows.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");
  window.applyTheme = (theme) => {
    root.dataset.theme = theme;
    root.dataset.bsTheme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
  };
  window.applyTheme(root.dataset.bsTheme);
  dark.addEventListener("change", () => window.applyTheme(root.dataset.theme));
})();
