// What single forms need: text to copy, and a list of choices that narrows.
(() => {
  // <button data-copy="id of a field" data-done="Copied">
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    const field = document.getElementById(copy.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy");
    }
    copy.textContent = copy.dataset.done;
  });

  // A list of choices narrows while one types: <input data-filter="id of the list">.
  for (const box of document.querySelectorAll("[data-filter]")) {
    const list = document.getElementById(box.dataset.filter);
    const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    const none = list.parentElement.querySelector("[data-none]");
    box.addEventListener("input", () => {
      let shown = 0;
      for (const item of list.children) {
        const fits = plain(item.textContent).includes(plain(box.value.trim()));
        item.hidden = !fits && !item.querySelector(":checked");
        shown += !item.hidden;
      }
      if (none) none.hidden = shown > 0;
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }
})();
