// The editor: tools that write Markdown, pictures that are dropped or pasted, Ctrl+S, and drafts
// that outlive a crash or a session. Without this script the form saves and previews all the same.
(() => {
  const form = document.querySelector("form[data-edit]");
  if (!form) return;
  const area = form.querySelector("[data-editor]");
  const state = form.querySelector("[data-state]");
  const words = form.dataset;
  const { elements } = form;
  const say = (text) => {
    if (state) state.textContent = text;
  };
  const alarm = document.getElementById("edit-trouble");
  const warn = (text) => {
    if (text) say("");
    const line = alarm.querySelector(".notice-text");
    if (line.textContent !== text) line.textContent = text;
    alarm.hidden = !text;
  };
  // Another log-in in this browser gives another token; the form takes it over.
  const renewToken = () => {
    const token = /(?:^|;\s*)(?:__Host-)?csrftoken=([^;]+)/.exec(document.cookie)?.[1];
    if (token) elements.csrfmiddlewaretoken.value = token;
  };

  // --- Writing into the text, so that the browser can undo it ---
  // While the visual editor is open (visual.js), the tools write into it.
  const shown = () => (form.visual?.isOn ? form.visual : null);
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
    const after = /^\n*/.exec(value.slice(at, at + 2))[0].length;
    insert(`${gap}${text}${"\n".repeat(2 - after)}`, before.length, at);
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
    if (button.dataset.wrap) (shown()?.wrap ?? wrap)(button.dataset.wrap);
    if (button.dataset.line) (shown()?.line ?? prefix)(button.dataset.line);
    if ("choose" in button.dataset) elements.picture.click();
    if (button.dataset.open) {
      const dialog = document.getElementById(button.dataset.open);
      const box = dialog.querySelector("input[name=query]");
      const chosen = shown()?.selected() ?? area.value.slice(area.selectionStart, area.selectionEnd);
      if (box) box.value = chosen.slice(0, 120);
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
      if (link) (shown()?.insert ?? insert)(link);
      if (note) (shown()?.cite ?? cite)(note);
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
    if (shown()) shown().table(rows + 1, head);
    else block(table([head, ...Array.from({ length: rows }, () => [])]));
  });

  // --- Pictures, and tables from a spreadsheet ---
  const send = async (file) => {
    say(words.sending);
    renewToken();
    const body = new FormData();
    body.append("picture", file);
    body.append("csrfmiddlewaretoken", elements.csrfmiddlewaretoken.value);
    try {
      const answer = await fetch(words.picture, { method: "POST", body, redirect: "error" });
      const text = await answer.text();
      if (answer.status === 201) {
        (shown()?.insert ?? block)(text);
        say("");
      } else {
        say(isSentence(answer) ? text : words.refused);
      }
    } catch {
      say(words.refused);
    }
  };
  elements.picture?.addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    await send(file);
    event.target.value = "";
  });
  // What is pasted becomes Markdown (pasted.js). The clipboard is read at once: it is empty later.
  area?.addEventListener("paste", async (event) => {
    const { clipboardData } = event;
    const [file] = [...clipboardData.files].filter((one) => one.type.startsWith("image/"));
    const copies = Object.fromEntries(["text/plain", "text/html"].map((type) => [type, clipboardData.getData(type)]));
    const plain = copies["text/plain"];
    if (file && !plain) {
      event.preventDefault();
      send(file);
      return;
    }
    if (!form.readPasted || !(copies["text/html"] || /[\t\n\u00a0\u00ad\u2000-\u206f]/.test(plain))) return;
    event.preventDefault();
    const { selectionStart, selectionEnd } = area;
    let pasted = { text: plain };
    try {
      pasted = await form.readPasted({ getData: (type) => copies[type] ?? "" });
    } catch {
      say("");
    }
    area.setSelectionRange(selectionStart, selectionEnd);
    if (pasted.cells) block(table(pasted.cells));
    else if (pasted.isBlock) block(pasted.text);
    else insert(pasted.text);
  });
  form.sendPicture = send;
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
    form.visual?.flush();
    form.dataset.previewed = "";
    form.dispatchEvent(new Event("changed-by-script"));
    document.getElementById("preview-title").scrollIntoView({ block: "nearest" });
  });

  // A preview that a later one has overtaken is given up here, and not begun on the server.
  const preview = document.getElementById("preview");
  preview.addEventListener("htmx:config:request", (event) => {
    const { body } = event.detail.ctx.request;
    renewToken();
    body.set("csrfmiddlewaretoken", elements.csrfmiddlewaretoken.value);
    body.set("turn", String(Date.now()));
  });
  preview.addEventListener("htmx:response:error", (event) => {
    const { response, text } = event.detail.ctx;
    preview.textContent = isSentence(response) ? text : words.offline;
  });

  // --- Drafts: in this browser at once, on the server now and then ---
  // Each form has its own, by the name of its tab. A page that was duplicated takes another name.
  const place = `wikico2:edit:${words.user}:${elements.sheet.value}:${elements.section.value}:`;
  const keptAs = () => place + elements.tab.value;
  const tabs = new BroadcastChannel("wikico2:edit");
  const page = String(Math.random());
  tabs.addEventListener("message", ({ data }) => {
    if (data.tab !== elements.tab.value || data.page === page) return;
    if (data.isTaken) elements.tab.value = page.slice(2);
    else tabs.postMessage({ tab: data.tab, page, isTaken: true });
  });
  tabs.postMessage({ tab: elements.tab.value, page });

  const fields = () => [...elements].filter((one) => one.name && (one === area || /^(meta_|comment$|minor$)/.test(one.name)));
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
  const soon = 2500;
  const latest = 60000;
  const longest = 20000;
  let isHere = false;
  let isSending = false;
  let unsent = false;
  let leaving = false;
  let failures = 0;
  let timer = 0;

  const storage = (what) => {
    try {
      return what(localStorage);
    } catch {
      return null; // Storage is off or full: the server's draft alone counts.
    }
  };
  const keepHere = () => {
    const copy = { base: elements.base.value, at: Date.now(), fields: read() };
    isHere = Boolean(
      storage((s) => {
        if (same(copy.fields, atFirst)) s.removeItem(keptAs());
        else s.setItem(keptAs(), JSON.stringify(copy));
        return true;
      }),
    );
  };
  const isSentence = (answer) => (answer.headers.get("Content-Type") ?? "").startsWith("text/plain");
  const fail = (reason) => {
    unsent = true;
    failures += 1;
    const where = same(read(), atFirst) ? "" : isHere ? words.here : words.nowhere;
    warn(`${words.unkept} ${reason} ${where}`);
    later(Math.min(soon * 2 ** failures, latest));
  };
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(keepThere, wait);
  };
  const keepThere = async () => {
    if (leaving) return;
    clearTimeout(timer);
    if (isSending) {
      later(soon); // An earlier text that arrives later would take the place of this one.
      return;
    }
    isSending = true;
    renewToken();
    const sent = read();
    const body = new FormData(form);
    body.delete("picture");
    unsent = false;
    let answer = null;
    let text = "";
    try {
      answer = await fetch(words.keep, { method: "POST", body, redirect: "error", signal: AbortSignal.timeout(longest) });
      text = await answer.text();
    } catch {
      answer = null;
    }
    isSending = false;
    if (!answer?.ok) {
      if (!leaving) fail(answer && isSentence(answer) ? text : words.offline);
      return;
    }
    failures = 0;
    warn("");
    const others = document.getElementById("edit-others");
    others.innerHTML = text;
    form.querySelector("[data-present]").textContent = others.querySelector("[data-names]")?.content.textContent.trim() ?? "";
    if (answer.headers.get("Draft-Kept") === "1" && !same(sent, atFirst)) {
      const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
      say(`${words.words} ${time.format(new Date())}`);
    }
  };
  const changed = () => {
    unsent = true;
    keepHere();
    if (!failures) later(soon);
  };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  setInterval(() => {
    if (!document.hidden && !failures) keepThere();
  }, 30000);
  addEventListener("online", () => keepThere());

  form.addEventListener("submit", (event) => {
    const size = new URLSearchParams(read()).toString().length;
    if (size > Number(words.most)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      warn(words.toolarge);
      return;
    }
    leaving = true;
    clearTimeout(timer);
    renewToken();
    if (event.submitter?.value === "discard") storage((s) => s.removeItem(keptAs()));
    else keepHere();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) leaving = false;
  });
  document.querySelector("[data-quit]").addEventListener("click", () => {
    form.visual?.flush();
    keepHere();
  });
  addEventListener("beforeunload", (event) => {
    if (!leaving && unsent && !same(read(), atFirst)) event.preventDefault();
  });

  // What this browser kept of other forms of this sheet is offered; what is old goes.
  // Up to version 0.2 a copy had the address of its page, and one copy was for all tabs.
  const formerly = `wikico2:edit:${words.user}:${location.pathname}${location.search}`;
  const oldest = Date.now() - 60 * 24 * 3600 * 1000;
  const copies = (storage((s) => Object.keys(s)) ?? [])
    .filter((key) => key === formerly || (key.startsWith(place) && key !== keptAs()))
    .map((key) => ({ key, ...storage((s) => JSON.parse(s.getItem(key))) }));
  const offer = ({ key, base, at, fields: kept }) => {
    const box = document.getElementById("edit-copy").content.cloneNode(true).firstElementChild;
    const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    box.querySelector("time").textContent = at ? when.format(at) : "";
    box.querySelector("textarea").value = kept.body ?? Object.values(kept).join("\n");
    box.addEventListener("click", (event) => {
      if ("take" in event.target.dataset) {
        form.visual?.flush();
        for (const one of fields()) {
          if (!(one.name in kept)) continue;
          if (one.type === "checkbox") one.checked = Boolean(kept[one.name]);
          else one.value = kept[one.name];
        }
        if (base) elements.base.value = base;
        if (key !== formerly) elements.copy.value = key.slice(place.length);
        changed();
        form.visual?.reload();
        form.dispatchEvent(new Event("changed-by-script"));
        if (isHere) storage((s) => s.removeItem(key));
      } else if ("drop" in event.target.dataset) {
        storage((s) => s.removeItem(key));
      } else {
        return;
      }
      box.remove();
    });
    document.getElementById("edit-kept").append(box);
  };
  const isOffered = ({ key, fields: kept }) =>
    [...document.querySelectorAll("textarea[data-tab]")].some(
      (box) => key.endsWith(`:${box.dataset.tab}`) && box.value.endsWith((kept.body ?? "").trim()),
    );
  for (const copy of copies.sort((a, b) => (b.at ?? 0) - (a.at ?? 0))) {
    if (!copy.fields || (copy.at ?? Date.now()) < oldest) storage((s) => s.removeItem(copy.key));
    else if (!same(read(), copy.fields) && !isOffered(copy) && !document.querySelector("[data-focus]")) offer(copy);
  }
})();
