// Settling conflicts: how many are left, whether all is accepted, and a word before one leaves with
// choices unsent. Without this script the form is whole; it only counts nothing.
(() => {
  const form = document.querySelector("form[data-settle]");
  if (!form) return;
  const places = [...form.querySelectorAll(".clash")];
  const line = form.querySelector("[data-count]");
  const accept = form.querySelector("[data-accept]");
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
  // "Accept all" would be untrue where something of the proposal is not taken.
  const nameAccept = () => {
    if (!accept) return;
    const refused = form.querySelector("[name=left]:checked, .take [value=mine]:checked");
    accept.textContent = refused ? accept.dataset.rest : accept.dataset.all;
  };
  form.addEventListener("change", (event) => {
    changed = true;
    // Whoever chooses to write gets today's words, or those chosen before, to start from.
    if (event.target.value === "edit") {
      event.target.closest(".clash").querySelector(".clash-edit textarea").focus();
    }
    count();
    nameAccept();
  });
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("submit", () => (leaving = true));
  addEventListener("beforeunload", (event) => {
    if (changed && !leaving) event.preventDefault();
  });
  count();
  nameAccept();
  form.querySelector(".clash[data-bad]")?.scrollIntoView({ block: "center" });
})();
