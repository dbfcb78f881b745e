// The editor: tools that write Markdown, pictures that are dropped or pasted, Ctrl+S, and drafts
// that outlive a crash or a session. Without this script the form saves and previews all the same.
(() => {
  const form = document.querySelector("form[data-edit]");
  if (!form) return;
  const area = form.querySelector("[data-editor]");
  const state = form.querySelector("[data-state]");
  const words = form.dataset;
  const keptAs = `wikico2:edit:${words.leave}:${location.pathname}${location.search}`;
  const say = (text) => {
    if (state) state.textContent = text;
  };

  // --- Writing into the text, so that the browser can undo it ---
  const insert = (text, from = area.selectionStart, to = area.selectionEnd) => {
    area.focus();
    area.setSelectionRange(from, to);
    if (!document.execCommand("insertText", false, text)) {
      area.setRangeText(text, from, to, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
  const wrap = (mark) => {
    const { selectionStart: from, selectionEnd: to, value } = area;
    const chosen = value.slice(from, to) || words.sample;
    insert(`${mark}${chosen}${mark}`, from, to);
    area.setSelectionRange(from + mark.length, from + mark.length + chosen.length);
  };
  const prefix = (mark) => {
    const { selectionStart, selectionEnd, value } = area;
    const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const end = value.indexOf("\n", selectionEnd);
    const to = end < 0 ? value.length : end;
    const lines = value.slice(from, to).split("\n");
    const fresh = lines.map((line, n) => (mark === "1. " ? `${n + 1}. ` : mark) + line.replace(/^(#{1,6} |[-*] |\d+\. )/, ""));
    insert(fresh.join("\n"), from, to);
  };
  const block = (text) => {
    const { selectionEnd, value } = area;
    const line = value.indexOf("\n", selectionEnd);
    const at = line < 0 ? value.length : line;
    const before = value.slice(0, at).trimEnd();
    const gap = before ? "\n\n" : "";
    insert(`${gap}${text}\n\n`, before.length, at);
  };
  const table = (rows) => {
    const cell = (text) => text.trim().replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
    const width = Math.max(...rows.map((row) => row.length));
    const line = (row) => `| ${Array.from({ length: width }, (_, n) => cell(row[n] ?? "")).join(" | ")} |`;
    const [head, ...rest] = rows;
    return [line(head), `|${" --- |".repeat(width)}`, ...rest.map(line)].join("\n");
  };
  const cite = (note) => {
    const { selectionEnd: at, value } = area;
    const known = [...value.matchAll(/^\[\^([^\]\s]+)\]:\s*(.*)$/gm)];
    const same = known.find((line) => line[2].trim() === note.trim());
    const taken = new Set([...value.matchAll(/\[\^([^\]\s]+)\]/g)].map((mark) => mark[1]));
    let label = 1;
    while (taken.has(String(label))) label += 1;
    const mark = `[^${same ? same[1] : label}]`;
    if (!same) {
      const gap = known.length ? "\n" : "\n\n";
      insert(`${gap}${mark}: ${note}\n`, value.trimEnd().length, value.length);
    }
    insert(mark, at, at);
  };

  form.querySelector(".edit-tools")?.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.wrap) wrap(button.dataset.wrap);
    if (button.dataset.line) prefix(button.dataset.line);
    if ("choose" in button.dataset) form.elements.picture.click();
    if (button.dataset.open) {
      const dialog = document.getElementById(button.dataset.open);
      const box = dialog.querySelector("input[name=query]");
      if (box) box.value = area.value.slice(area.selectionStart, area.selectionEnd).slice(0, 120);
      dialog.showModal();
      box?.dispatchEvent(new Event("open"));
    }
  });
  for (const dialog of document.querySelectorAll("dialog[id^='pick-']")) {
    dialog.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const { insert: link, note } = button.dataset;
      if ("close" in button.dataset || link || note) dialog.close();
      if (link) insert(link);
      if (note) cite(note);
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.name === "query") {
        event.preventDefault();
        dialog.querySelector(".pick")?.click();
      }
    });
  }
  document.querySelector("[data-table]")?.addEventListener("click", (event) => {
    event.preventDefault();
    const dialog = event.target.closest("dialog");
    const [columns, rows] = [...dialog.querySelectorAll("input")].map((input) =>
      Math.min(Math.max(Number(input.value) || 1, 1), Number(input.max)),
    );
    dialog.close();
    const head = Array.from({ length: columns }, (_, n) => `${words.column} ${n + 1}`);
    block(table([head, ...Array.from({ length: rows }, () => [])]));
  });

  // --- Pictures, and tables from a spreadsheet ---
  const send = async (file) => {
    say(words.sending);
    const body = new FormData();
    body.append("picture", file);
    body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    try {
      const answer = await fetch(words.picture, { method: "POST", body, redirect: "error" });
      const text = await answer.text();
      if (answer.status === 201) {
        block(text);
        say("");
      } else if (answer.status === 401) {
        away();
      } else {
        say(answer.status === 422 ? text : words.refused);
      }
    } catch {
      say(words.refused);
    }
  };
  form.elements.picture?.addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    await send(file);
    event.target.value = "";
  });
  area?.addEventListener("paste", (event) => {
    const [file] = [...event.clipboardData.files].filter((one) => one.type.startsWith("image/"));
    const text = event.clipboardData.getData("text/plain");
    if (text.includes("\t")) {
      event.preventDefault();
      block(table(text.replace(/\r?\n$/, "").split(/\r?\n/).map((row) => row.split("\t"))));
    } else if (file && !text) {
      event.preventDefault();
      send(file);
    }
  });
  area?.addEventListener("dragover", (event) => {
    if ([...event.dataTransfer.types].includes("Files")) event.preventDefault();
  });
  area?.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    send(file);
  });

  // --- Keys ---
  form.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const mark = { b: "**", i: "*" }[event.key.toLowerCase()];
    if (mark && event.target === area) {
      event.preventDefault();
      wrap(mark);
    }
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-save]"));
    }
  });
  form.querySelector("[data-preview]").addEventListener("click", (event) => {
    event.preventDefault();
    form.dispatchEvent(new Event("changed-by-script"));
    document.getElementById("preview-title").scrollIntoView({ block: "nearest" });
  });

  // A preview that a later one has overtaken is given up here, and not begun on the server.
  const tab = crypto.randomUUID?.() ?? String(Math.random());
  document.getElementById("preview").addEventListener("htmx:configRequest", (event) => {
    event.detail.parameters.tab = tab;
    event.detail.parameters.turn = String(Date.now());
  });

  // --- Drafts: in this browser at once, on the server now and then ---
  const fields = () => [...form.elements].filter((one) => one.name && (one === area || /^(meta_|comment$|minor$)/.test(one.name)));
  const value = (one) => (one.type === "checkbox" ? (one.checked ? "on" : "") : one.value);
  const read = () => Object.fromEntries(fields().map((one) => [one.name, value(one)]));
  const same = (a, b) => Object.keys(b).every((name) => (a[name] ?? "") === b[name]);
  const atFirst = Object.fromEntries(
    fields().map((one) => {
      if (one.type === "checkbox") return [one.name, one.defaultChecked ? "on" : ""];
      if (one.type === "select-one") return [one.name, [...one.options].find((o) => o.defaultSelected)?.value ?? one.options[0].value];
      return [one.name, one.defaultValue];
    }),
  );
  let unsent = false;
  let leaving = false;
  let timer = 0;

  const storage = (what) => {
    try {
      return what(localStorage);
    } catch {
      return null; // Storage is off or full: the server's draft alone counts.
    }
  };
  const keepHere = () => {
    if (same(read(), atFirst)) storage((s) => s.removeItem(keptAs));
    else storage((s) => s.setItem(keptAs, JSON.stringify({ base: form.elements.base.value, fields: read() })));
  };
  const away = () => (document.getElementById("edit-away").hidden = false);
  const keepThere = async () => {
    if (leaving) return;
    const body = new FormData(form);
    body.delete("picture");
    unsent = false;
    try {
      const answer = await fetch(words.keep, { method: "POST", body, redirect: "error" });
      if (answer.status === 401) {
        unsent = true;
        away();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      document.getElementById("edit-away").hidden = true;
      document.getElementById("edit-others").innerHTML = await answer.text();
      if (!same(read(), atFirst)) {
        const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
        say(`${words.words} ${time.format(new Date())}`);
      }
    } catch {
      unsent = true;
    }
  };
  const changed = () => {
    unsent = true;
    clearTimeout(timer);
    keepHere();
    timer = setTimeout(keepThere, 2500);
  };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  setInterval(() => {
    if (!document.hidden) keepThere();
  }, 30000);

  form.addEventListener("submit", (event) => {
    leaving = true;
    clearTimeout(timer);
    if (event.submitter?.value === "discard") storage((s) => s.removeItem(keptAs));
    else keepHere();
    const kept = storage((s) => s.getItem(keptAs));
    if (kept) storage((s) => s.setItem(keptAs, JSON.stringify({ ...JSON.parse(kept), sent: true })));
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) leaving = false;
  });
  document.querySelector("[data-quit]").addEventListener("click", () => keepHere());
  addEventListener("beforeunload", (event) => {
    if (!leaving && unsent && !same(read(), atFirst)) event.preventDefault();
  });

  // What this browser kept: gone once it was sent and the sheet has moved on, offered otherwise.
  const kept = JSON.parse(storage((s) => s.getItem(keptAs)) ?? "null");
  const offer = document.getElementById("edit-kept");
  const fresh = form.elements.base.value;
  const wasSaved = kept?.sent && kept.base !== fresh;
  if (wasSaved) storage((s) => s.removeItem(keptAs));
  else if (kept && !same(read(), kept.fields) && !document.querySelector("[data-focus]")) offer.hidden = false;
  offer.addEventListener("click", (event) => {
    if ("take" in event.target.dataset) {
      for (const one of fields()) {
        if (!(one.name in kept.fields)) continue;
        if (one.type === "checkbox") one.checked = Boolean(kept.fields[one.name]);
        else one.value = kept.fields[one.name];
      }
      if (kept.base) form.elements.base.value = kept.base;
      changed();
      form.dispatchEvent(new Event("changed-by-script"));
    } else if ("drop" in event.target.dataset) {
      storage((s) => s.removeItem(keptAs));
    } else {
      return;
    }
    offer.hidden = true;
  });
})();
