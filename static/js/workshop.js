// Lists of the workshop: tick all rows of the page, and say how many are ticked.
(() => {
  const all = document.querySelector("[data-tick-all]");
  if (!all) return;
  const rows = [...document.querySelectorAll(`input[name="${all.dataset.tickAll}"]`)];
  const status = document.querySelector("[data-ticked]");
  const tell = () => {
    const ticked = rows.filter((row) => row.checked).length;
    all.checked = ticked === rows.length;
    all.indeterminate = ticked > 0 && ticked < rows.length;
    status.textContent = ticked ? status.dataset.ticked.replace("{n}", ticked) : "";
  };
  all.addEventListener("change", () => {
    for (const row of rows) row.checked = all.checked;
    tell();
  });
  for (const row of rows) row.addEventListener("change", tell);
  tell();
})();
