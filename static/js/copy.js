// Buttons that copy a statement with its source and its lasting address, as text and as a link.
(() => {
  const escape = (text) => {
    const box = document.createElement("div");
    box.textContent = text;
    return box.innerHTML;
  };

  const asHtml = (text) => {
    const [words, address] = text.split("\n");
    return `<a href="${escape(address)}">${escape(words)}</a>`;
  };

  const copy = async (button) => {
    const text = button.dataset.copy;
    const parts = { "text/plain": text, "text/html": asHtml(text) };
    try {
      const blobs = Object.entries(parts).map(([type, part]) => [type, new Blob([part], { type })]);
      await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
    } catch {
      await navigator.clipboard.writeText(text);
    }
    button.querySelector("span").textContent = button.dataset.copied;
  };

  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
})();
