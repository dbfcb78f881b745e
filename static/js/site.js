// The bar: colours, the shortcut to search, menus that close. Each works on every page; without
// this script the bar is still whole.
(() => {
  const root = document.documentElement;

  const themes = ["auto", "light", "dark"];
  const button = document.querySelector("[data-theme-switch]");
  const show = (theme) => {
    button.title = button.dataset[theme];
    button.setAttribute("aria-label", button.dataset[theme]);
  };
  const keep = (theme) => {
    const year = theme === "auto" ? 0 : 31536000;
    document.cookie = `theme=${theme}; path=/; max-age=${year}; samesite=lax`;
    try {
      if (theme === "auto") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // Storage is off: the cookie alone counts.
    }
  };
  if (button) {
    show(root.dataset.theme ?? "auto");
    button.addEventListener("click", () => {
      const now = root.dataset.theme ?? "auto";
      const next = themes[(themes.indexOf(now) + 1) % themes.length];
      if (next === "auto") delete root.dataset.theme;
      else root.dataset.theme = next;
      show(next);
      keep(next);
    });
  }

  const search = document.getElementById("q") ?? document.getElementById("bar-q");
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  for (const hint of document.querySelectorAll("[data-shortcut]")) {
    hint.textContent = mac ? "⌘K" : "Ctrl K";
    hint.hidden = false;
  }
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") closeMenus(null, true);
  });

  const closeMenus = (except, focus) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu === except) continue;
      menu.open = false;
      if (focus) menu.querySelector("summary").focus();
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));

  // A refused form: go to the list of its mistakes.
  document.querySelector("[data-focus]")?.focus();

  // A button that does long work is pressed once.
  document.addEventListener("submit", (event) => {
    for (const once of event.target.querySelectorAll("button[data-once]")) {
      setTimeout(() => (once.disabled = true));
    }
  });
  addEventListener("pageshow", () => {
    for (const once of document.querySelectorAll("button[data-once]")) once.disabled = false;
  });

  // What was saved needs no copy in this browser any more: the answer to the save names its form.
  const forget = () => {
    const saved = /(?:^|;\s*)saved_form=([\w.-]+)/.exec(document.cookie)?.[1].split(".");
    if (!saved) return;
    document.cookie = "saved_form=; path=/; max-age=0; samesite=lax";
    try {
      for (const key of Object.keys(localStorage)) {
        const isEdit = key.startsWith("wikico2:edit:");
        if (isEdit && saved.includes(key.split(":").pop())) localStorage.removeItem(key);
      }
    } catch {
      // Storage is off: there are no copies.
    }
  };
  forget();
  addEventListener("pageshow", forget);
})();
