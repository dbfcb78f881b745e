// The page of a sheet: the contents follow the reading, and citations open where they stand.
// Without this script contents and citations are plain links.
(() => {
  const contents = document.querySelector(".contents");
  const links = new Map();
  for (const link of contents?.querySelectorAll("ol a[href^='#']") ?? []) {
    links.set(decodeURIComponent(link.hash.slice(1)), link);
  }

  // The current section is the last one whose top has passed the upper quarter of the window.
  const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (parts.length) {
    const inView = new Set();
    let shown = null;
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) inView.add(entry.target);
          else inView.delete(entry.target);
        }
        const isTop = parts[0].getBoundingClientRect().top > 0;
        const current = parts.filter((part) => inView.has(part)).pop() ?? (isTop ? null : shown);
        if (current === shown) return;
        shown = current;
        for (const [id, link] of links) {
          if (id === current?.id) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
        if (current) keepInView(links.get(current.id));
        else contents.scrollTop = 0;
      },
      { rootMargin: "0px 0px -75% 0px" },
    );
    for (const part of parts) observer.observe(part);
  }

  function keepInView(link) {
    const box = contents.getBoundingClientRect();
    const line = link.getBoundingClientRect();
    if (line.top < box.top) contents.scrollTop -= box.top - line.top + 40;
    if (line.bottom > box.bottom) contents.scrollTop += line.bottom - box.bottom + 40;
  }

  contents?.addEventListener("click", (event) => {
    if (!event.target.closest("ol a")) return;
    const fold = contents.querySelector("details");
    if (fold && fold.open) fold.open = false;
  });

  // A table wider than its frame can be scrolled with the keyboard.
  for (const frame of document.querySelectorAll(".prose .table-scroll")) {
    if (frame.scrollWidth <= frame.clientWidth) continue;
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", frame.closest("section")?.querySelector("h2")?.textContent ?? "");
  }

  // Citations. The note at the foot of the page holds quote and source: the box shows a copy.
  const form = document.getElementById("cite-form");
  if (!form) return;
  let pop = null;
  let owner = null;
  let timer = 0;
  let byTouch = false;

  const close = () => {
    clearTimeout(timer);
    pop?.remove();
    owner?.removeAttribute("aria-expanded");
    pop = owner = null;
  };

  const fill = (note) => {
    const box = form.content.firstElementChild.cloneNode(true);
    const copy = note.cloneNode(true);
    copy.querySelectorAll(".backref").forEach((link) => link.remove());
    const quote = copy.querySelector(".quote");
    const source = copy.querySelector("a");
    if (quote) box.querySelector("blockquote").replaceChildren(...quote.childNodes);
    const way = box.querySelector(".cite-source");
    if (source) way.replaceWith(Object.assign(source, { className: "cite-source" }));
    else way.textContent = copy.textContent;
    for (const line of box.querySelectorAll(".cite-level")) {
      if (line.dataset.level !== note.dataset.level) line.remove();
    }
    const why = copy.querySelector(".why");
    const words = copy.querySelector(".unborne-words");
    const reason = box.querySelector(".cite-level span");
    if (why) reason?.append(" ", why.textContent);
    if (words) reason?.append(" ", words);
    return box;
  };

  const place = (link) => {
    if (getComputedStyle(pop).position === "fixed") return;
    const mark = link.getBoundingClientRect();
    const size = pop.getBoundingClientRect();
    const column = link.closest(".prose")?.getBoundingClientRect().right ?? root().clientWidth - 16;
    const left = Math.max(16, Math.min(mark.left - 24, column - size.width));
    const below = mark.bottom + 6 + size.height < innerHeight || mark.top < size.height + 6;
    pop.style.left = `${left + scrollX}px`;
    pop.style.top = `${(below ? mark.bottom + 6 : mark.top - size.height - 6) + scrollY}px`;
  };
  const root = () => document.documentElement;

  const open = (link) => {
    clearTimeout(timer);
    if (owner === link) return;
    close();
    const note = document.getElementById(link.getAttribute("aria-describedby"));
    if (!note) return;
    owner = link;
    pop = fill(note);
    pop.addEventListener("pointerenter", () => clearTimeout(timer));
    pop.addEventListener("pointerleave", later);
    pop.addEventListener("focusout", leave);
    pop.querySelector(".cite-close").addEventListener("click", close);
    link.setAttribute("aria-expanded", "true");
    link.closest("sup").after(pop);
    pop.querySelector(".cite-copy").hash = link.closest("sup").id;
    place(link);
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const held = document.activeElement;
      if (held !== owner && !pop?.contains(held)) close();
    }, 250);
  };
  const leave = (event) => {
    if (!pop || pop.contains(event.relatedTarget) || event.relatedTarget === owner) return;
    if (!byTouch) later();
  };
  const cite = (event) => event.target.closest?.(".cite a");

  document.addEventListener("pointerdown", (event) => {
    byTouch = event.pointerType !== "mouse";
    if (pop && !pop.contains(event.target) && cite(event) !== owner) close();
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && cite(event)) {
      clearTimeout(timer);
      const link = cite(event);
      timer = setTimeout(() => open(link), 90);
    }
  });
  document.addEventListener("pointerout", (event) => {
    if (event.pointerType === "mouse" && cite(event)) later();
  });
  document.addEventListener("focusin", (event) => {
    if (cite(event) && !byTouch) open(cite(event));
  });
  document.addEventListener("focusout", (event) => {
    if (cite(event)) leave(event);
  });
  // A finger has no hover: the first tap opens the box, its link opens the page.
  document.addEventListener("click", (event) => {
    const link = cite(event);
    if (!link || !byTouch || owner === link) return;
    event.preventDefault();
    open(link);
  });
  document.addEventListener("keydown", (event) => {
    byTouch = false;
    if (event.key === "Escape" && pop) {
      const back = pop.contains(document.activeElement) ? owner : null;
      close();
      back?.focus();
    }
  });
})();
