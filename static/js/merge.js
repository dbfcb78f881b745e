// Settling conflicts: how many are left, and a word before one leaves with choices unsent.
// Without this script the form is whole; it only counts nothing.
(() => {
  const form = document.querySelector("form[data-settle]");
  if (!form) return;
  const places = [...form.querySelectorAll(".clash")];
  const line = form.querySelector("[data-count]");
  let changed = false;
  let leaving = false;

  const open = () => places.filter((place) => !place.querySelector(".take :checked"));
  const count = () => {
    if (!places.length) return;
    const left = open();
    line.hidden = false;
    if (!left.length) {
      line.textContent = line.dataset.done;
      return;
    }
    const link = Object.assign(document.createElement("a"), {
      href: `#${left[0].id}`,
      textContent: `${line.dataset.left} ${left.length} / ${places.length}`,
    });
    line.replaceChildren(link);
  };
  form.addEventListener("change", (event) => {
    changed = true;
    // Whoever chooses to write gets today's words, or those chosen before, to start from.
    if (event.target.value === "edit") {
      event.target.closest(".clash").querySelector(".clash-edit textarea").focus();
    }
    count();
  });
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("submit", () => (leaving = true));
  addEventListener("beforeunload", (event) => {
    if (changed && !leaving) event.preventDefault();
  });
  count();
  form.querySelector(".clash[data-bad]")?.scrollIntoView({ block: "center" });
})();
