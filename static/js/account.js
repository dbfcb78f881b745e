// The appearance chosen on one's own account is seen at once, and kept in this browser when saved.
(() => {
  const select = document.querySelector("select[name=theme]");
  select?.addEventListener("change", () => {
    if (select.value) document.documentElement.dataset.theme = select.value;
    else delete document.documentElement.dataset.theme;
  });
  select?.form.addEventListener("submit", () => {
    try {
      if (select.value) localStorage.setItem("theme", select.value);
      else localStorage.removeItem("theme");
    } catch {
      // Storage is off: the cookie alone counts.
    }
  });
})();
