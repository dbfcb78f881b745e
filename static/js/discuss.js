// The discussions of a sheet: words that are selected become the passage of a new one, and a marked
// passage leads to its thread. Without this script words are copied by hand.
(() => {
  const text = document.querySelector("[data-passages]");
  const form = document.getElementById("new");
  if (!text) return;
  const around = 60;

  // The text of a range, without the calls of notes.
  const words = (range) => {
    const part = range.cloneContents();
    for (const call of part.querySelectorAll("a[id^='ref-']")) call.remove();
    for (const block of part.querySelectorAll("p, li, td, th, tr, h1, h2, h3, h4, h5, h6")) block.append("\n");
    return part.textContent.replace(/\s+/g, " ").trim();
  };
  const beside = (range, before) => {
    const part = document.createRange();
    part.selectNodeContents(text);
    if (before) part.setEnd(range.startContainer, range.startOffset);
    else part.setStart(range.endContainer, range.endOffset);
    const found = words(part);
    return before ? found.slice(-around) : found.slice(0, around);
  };
  const take = () => {
    const selection = getSelection();
    if (!form || !selection.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    if (!text.contains(range.commonAncestorContainer)) return;
    const quote = words(range);
    if (!quote) return;
    form.elements.quote.value = quote;
    form.elements.before.value = beside(range, true);
    form.elements.after.value = beside(range, false);
  };
  text.addEventListener("pointerup", () => setTimeout(take));
  text.addEventListener("keyup", take);
  form?.elements.quote.addEventListener("input", () => {
    form.elements.before.value = form.elements.after.value = "";
  });

  text.addEventListener("click", (event) => {
    const mark = event.target.closest("mark[data-discussion]");
    if (!mark || !getSelection().isCollapsed || event.target.closest("a")) return;
    const thread = document.getElementById(`discussion-${mark.dataset.discussion}`);
    thread?.focus();
    thread?.scrollIntoView({ block: "nearest" });
  });
})();
