// Keeps a part of the page up to date. It reads htmx's own attributes, so that htmx can take its
// place where a page needs more of it: the whole library weighs more than all the rest of a page.
//
//   <div hx-get="/…" hx-trigger="every 1s" hx-swap="outerHTML" [hx-select="#id"]>
//
// The answer takes the element's place; without hx-trigger in the answer the watching ends. The
// header HX-Refresh reloads the page. A failed request leaves what is shown and is tried again.
(() => {
  const unit = { ms: 1, s: 1000 };

  const period = (box) => {
    const every = /every\s+([\d.]+)(ms|s)\b/.exec(box.getAttribute("hx-trigger") ?? "");
    return every ? Number(every[1]) * unit[every[2]] : 0;
  };

  const ask = async (box) => {
    const answer = await fetch(box.getAttribute("hx-get"), {
      headers: { "HX-Request": "true" },
      signal: AbortSignal.timeout(15000),
    });
    if (answer.redirected || answer.headers.get("HX-Refresh") === "true") {
      location.reload();
      return null;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  };

  const put = (box, html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const select = box.getAttribute("hx-select");
    const fresh = select ? page.querySelector(select) : page.body.firstElementChild;
    if (!fresh) return null;
    const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
    box.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return fresh;
  };

  const watch = (first) => {
    let box = first;
    let before = "";
    let failures = 0;
    const later = () => setTimeout(turn, Math.min(period(box) * 2 ** failures, 15000));
    const turn = async () => {
      if (!box.isConnected) return;
      if (document.hidden) return later();
      try {
        const html = await ask(box);
        if (html === null) return;
        failures = 0;
        if (html !== before) {
          before = html;
          box = put(box, html);
        }
      } catch {
        failures += 1;
      }
      if (box && period(box)) later();
    };
    later();
  };

  for (const box of document.querySelectorAll("[hx-get][hx-trigger^='every']")) watch(box);
})();
