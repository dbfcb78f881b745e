// Search from the keyboard, in any box with data-suggest and among the answers of a search. Without
// this script the boxes are plain forms and the answers plain links.
(() => {
  const wait = 70;
  const shortest = 2;
  const kept = new Map();

  const element = (name, attributes = {}, text = "") => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  const ask = async (address, typed, signal) => {
    const url = `${address}?${new URLSearchParams({ q: typed })}`;
    if (kept.has(url)) return kept.get(url);
    const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return [];
    const { suggestions } = await answer.json();
    kept.set(url, suggestions);
    return suggestions;
  };

  // A combobox as ARIA 1.2 has it: the focus stays in the box, the list follows.
  const suggest = (box) => {
    const { suggest: address, label, one, many } = box.dataset;
    const list = element("div", { role: "listbox", id: `${box.id}-list`, class: "suggestions", "aria-label": label });
    const told = element("span", { class: "visually-hidden", role: "status" });
    list.hidden = true;
    box.parentElement.append(list, told);
    const roles = { role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" };
    for (const [key, value] of Object.entries(roles)) box.setAttribute(key, value);
    let active = -1;
    let timer = 0;
    let asking = new AbortController();

    const choose = (index) => {
      list.children[active]?.setAttribute("aria-selected", "false");
      active = index;
      const option = list.children[active];
      if (!option) return box.removeAttribute("aria-activedescendant");
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      box.setAttribute("aria-activedescendant", option.id);
    };

    const close = () => {
      clearTimeout(timer);
      asking.abort();
      choose(-1);
      list.hidden = true;
      told.textContent = "";
      box.setAttribute("aria-expanded", "false");
    };

    // As wide as the box, or as the window where the box is narrow.
    const place = () => {
      const { left, width } = box.parentElement.getBoundingClientRect();
      const narrow = width < 320;
      list.style.left = narrow ? `${16 - left}px` : "";
      list.style.width = narrow ? `${document.documentElement.clientWidth - 32}px` : "";
    };

    const option = (suggestion, index) => {
      const link = element("a", { role: "option", id: `${list.id}-${index}`, href: suggestion.url, tabindex: "-1", "aria-selected": "false" });
      const text = element("span", { lang: "fr" });
      text.append(...suggestion.pieces.map(([piece, found]) => (found ? element("mark", {}, piece) : piece)));
      link.append(text, " ", element("span", { class: "note" }, [suggestion.context, suggestion.label].filter(Boolean).join(" · ")));
      if (suggestion.kind === "word") link.dataset.word = suggestion.text;
      return link;
    };

    const show = (suggestions) => {
      if (!suggestions.length || document.activeElement !== box) return close();
      choose(-1);
      list.replaceChildren(...suggestions.map(option));
      list.hidden = false;
      place();
      told.textContent = suggestions.length === 1 ? one : many.replace("{n}", suggestions.length);
      box.setAttribute("aria-expanded", "true");
    };

    const look = async () => {
      const typed = box.value.trim();
      asking.abort();
      asking = new AbortController();
      const { signal } = asking;
      if (typed.length < shortest) return close();
      try {
        const suggestions = await ask(address, typed, signal);
        if (!signal.aborted) show(suggestions);
      } catch {
        if (!signal.aborted) close();
      }
    };

    const down = (event) => {
      event.preventDefault();
      const first = document.querySelector("[data-hit]");
      const unchanged = box.id === "q" && box.value === box.defaultValue;
      if (!list.hidden) choose(active + 1 < list.children.length ? active + 1 : -1);
      else if (first && unchanged && !event.altKey) first.focus();
      else look();
    };

    const keys = {
      ArrowDown: down,
      ArrowUp: (event) => {
        if (list.hidden) return;
        event.preventDefault();
        choose(active < 0 ? list.children.length - 1 : active - 1);
      },
      Enter: (event) => {
        if (active < 0) return close();
        event.preventDefault();
        list.children[active].click();
      },
      Escape: (event) => {
        if (list.hidden) return;
        event.preventDefault(); // what was typed stays
        close();
      },
    };

    box.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, wait);
    });
    box.addEventListener("keydown", (event) => {
      if (!event.isComposing) keys[event.key]?.(event);
    });
    box.addEventListener("blur", close);
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    list.addEventListener("click", (event) => {
      const { word } = event.target.closest("a")?.dataset ?? {};
      if (word === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      box.value = word;
      close();
      box.form.requestSubmit();
    });
    addEventListener("pageshow", close);
  };
  for (const box of document.querySelectorAll("[data-suggest]")) suggest(box);

  const main = () => document.getElementById("q") ?? document.getElementById("bar-q");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select") || event.target.isContentEditable) return;
    const box = main();
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  // Answers: the arrows go along the titles, up from the first one back to the box.
  const hits = [...document.querySelectorAll("[data-hit]")];
  for (const [index, hit] of hits.entries()) {
    hit.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const next = { ArrowDown: hits[index + 1] ?? hit, ArrowUp: hits[index - 1] ?? main(), Escape: main() }[event.key];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }

  // How many answers the other tab has is counted while these are read.
  for (const place of document.querySelectorAll("[data-counted-at]")) {
    fetch(place.dataset.countedAt)
      .then((answer) => (answer.ok && !answer.redirected ? answer.text() : ""))
      .then((told) => (place.textContent = told))
      .catch(() => {});
  }

  // A page that has no picture leaves an empty sheet of paper.
  for (const image of document.querySelectorAll(".found-page img")) {
    const gone = () => {
      image.parentElement.dataset.gone = "";
      image.remove();
    };
    image.addEventListener("error", gone);
    // It may have failed before this script ran, and nothing tells it from a picture that is put
    // off until it is near: asked for again, the one fails again, the other stays put off.
    if (image.complete && !image.naturalWidth) image.src = image.getAttribute("src");
  }
})();
