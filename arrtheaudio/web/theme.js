// Sets the theme before the first paint; blocking, and alone because of the content policy.
// "system" follows the browser as long as the page is open.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("arrtheaudio.theme") || "system";
    } catch {
      return "system";
    }
  };
  const apply = () => {
    const theme = chosen() === "system" ? (dark.matches ? "dark" : "light") : chosen();
    document.documentElement.dataset.theme = theme;
  };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("themechange", apply);
})();
