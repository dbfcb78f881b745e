// Runs before the first paint: the reader's colours, kept in this browser. The cookie lets the
// server write the attribute itself, so that the page is right even before this script.
(() => {
  const root = document.documentElement;
  let kept = null;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    // Storage is off: the cookie alone counts.
  }
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
})();
