// The visual editor over the text area, which stays the one text that is kept and sent. The server
// reads the text into blocks; what is edited here is written back into the area as Markdown.
const form = document.querySelector("form[data-edit]");
const area = form?.querySelector("[data-editor]");
const place = document.getElementById("visual");
const KEPT = "wikico2:mode";

const remembered = () => {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
};
const remember = (mode) => {
  try {
    localStorage.setItem(KEPT, mode);
  } catch {
    // The choice holds for this page.
  }
};

if (area && place) start();

function start() {
  const words = form.dataset;
  const switches = form.querySelectorAll("[data-mode]");
  const state = { editor: null, writer: null, notes: {}, added: new Map(), text: null, timer: 0 };
  let library = null;

  const load = () => {
    library ??= Promise.all([words.tiptap, words.schema, words.writer, words.pasted, words.sections].map((url) => import(url)));
    return library;
  };

  // --- The text area and the document ---

  const write = () => {
    const used = new Set();
    if (state.added.size) {
      state.editor.state.doc.descendants((node) => {
        if (node.type.name === "citation") used.add(node.attrs.label);
      });
    }
    const fresh = [...state.added].filter(([label]) => used.has(label)).map(([label, note]) => `[^${label}]: ${note}`);
    return state.writer.document(state.editor.state.doc, fresh);
  };
  const flush = () => {
    clearTimeout(state.timer);
    if (!visual.isOn || !state.isChanged) return;
    state.isChanged = false;
    const text = write();
    if (text === area.value) return;
    area.value = text;
    state.text = text;
    area.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const changed = () => {
    state.isChanged = true;
    state.list?.();
    clearTimeout(state.timer);
    state.timer = setTimeout(flush, 250);
  };
  const read = async () => {
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "base", "section", "sheet", "body"]) body.append(name, form.elements[name].value);
    const answer = await fetch(words.blocks, { method: "POST", body, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const show = async () => {
    const [[tiptap, schema, writer, pasted, { listSections }], blocks] = await Promise.all([load(), read()]);
    state.writer = new writer.Writer();
    state.notes = blocks.notes;
    state.added.clear();
    if (!state.editor) {
      state.editor = openEditor(tiptap, schema, pasted);
      const box = document.getElementById("edit-sections");
      state.list = listSections(box, () => state.editor, box.dataset);
    }
    const { editor } = state;
    const doc = writer.readBlocks(editor.schema, blocks, state.writer);
    const { EditorState } = tiptap.pm.state;
    editor.view.updateState(EditorState.create({ doc, plugins: editor.state.plugins }));
    state.text = area.value;
    state.isChanged = false;
    state.list();
  };

  // --- Modes ---

  const setMode = (mode) => {
    visual.isOn = mode === "visual";
    form.dataset.shown = mode;
    place.hidden = !visual.isOn;
    area.hidden = visual.isOn;
    for (const one of switches) one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
    for (const one of form.querySelectorAll("[data-visual-only]")) one.hidden = !visual.isOn;
  };
  const turnTo = async (mode, focus = true) => {
    if (mode === "visual") {
      try {
        if (!state.editor || state.text !== area.value) await show();
      } catch {
        document.getElementById("visual-trouble").hidden = false;
        setMode("markdown");
        return;
      }
      document.getElementById("visual-trouble").hidden = true;
      setMode("visual");
      if (focus) state.editor.commands.focus();
      return;
    }
    flush();
    setMode("markdown");
    if (!focus) return;
    form.dispatchEvent(new Event("changed-by-script"));
    area.focus();
  };
  for (const one of switches) {
    one.addEventListener("click", () => {
      remember(one.dataset.mode);
      turnTo(one.dataset.mode);
    });
  }

  // --- The editor ---

  const noteOf = (label) => {
    const note = state.notes[label] ?? {};
    const name = note.title ? `${note.title}, p. ${note.page}` : (note.text ?? label);
    return { ...note, name, word: note.word || words.unchecked };
  };
  const openNote = (label) => {
    const note = noteOf(label);
    const dialog = document.getElementById("edit-note");
    dialog.querySelector("[data-name]").textContent = note.name;
    dialog.querySelector("[data-quote]").textContent = note.quote ? `« ${note.quote} »` : "";
    dialog.querySelector("[data-level-word]").textContent = [note.word, ...(note.reasons ?? [])].filter(Boolean).join(" — ");
    const link = dialog.querySelector("a");
    const image = dialog.querySelector("img");
    link.hidden = !note.document;
    image.hidden = !note.document;
    if (note.document) {
      link.href = `/sources/${note.document}/pages/${note.page}/`;
      image.src = `${link.href}image/`;
      image.alt = note.name;
      image.onerror = () => {
        image.hidden = true;
      };
    }
    dialog.showModal();
  };

  function chip({ node, getPos, editor }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.contentEditable = "false";
    const note = noteOf(node.attrs.label);
    button.dataset.level = note.level ?? "";
    button.textContent = note.name.length > 42 ? `${note.name.slice(0, 24).trimEnd()}… ${note.page ? `p. ${note.page}` : ""}` : note.name;
    button.title = [note.name, note.word].filter(Boolean).join(" — ");
    button.tabIndex = -1;
    button.addEventListener("click", () => {
      editor.commands.setNodeSelection(getPos());
      openNote(node.attrs.label);
    });
    return { dom: button };
  }

  function openEditor(tiptap, { extensions }, { LONGEST, readPasted, cleanHtml, cleanText, joinLines }) {
    const { Extension } = tiptap;
    const isOwn = (html) => html.includes("data-pm-slice"); // copied in an editor: it stays as it is
    const keys = Extension.create({
      name: "keys",
      addKeyboardShortcuts: () => ({
        Escape: () => {
          form.querySelector("[data-mode=visual]").focus();
          return true;
        },
        Enter: ({ editor }) => {
          const { node } = editor.state.selection;
          if (node?.type.name !== "citation") return false;
          openNote(node.attrs.label);
          return true;
        },
      }),
    });
    const kinds = extensions(tiptap, { raw: words.raw }, [keys, tiptap.UndoRedo, tiptap.Gapcursor]);
    return new tiptap.Editor({
      element: place,
      injectCSS: false,
      extensions: kinds.map((kind) => (kind.name === "citation" ? kind.extend({ addNodeView: () => chip }) : kind)),
      editorProps: {
        attributes: { class: "prose visual-text", role: "textbox", "aria-multiline": "true", "aria-label": words.label, lang: "fr", spellcheck: "true" },
        transformPastedHTML: (html) => (isOwn(html) ? html : cleanHtml(html)),
        transformPastedText: (text) => joinLines(cleanText(text)),
        handlePaste: (view, { clipboardData }) => {
          if (!clipboardData) return false; // what is pasted by `pasteText`
          const [file] = [...clipboardData.files].filter((one) => one.type.startsWith("image/"));
          if (file && !clipboardData.getData("text/plain")) {
            form.sendPicture(file);
            return true;
          }
          const html = clipboardData.getData("text/html");
          if (html.length > LONGEST && !isOwn(html)) return view.pasteText(clipboardData.getData("text/plain"));
          const { cells } = html ? {} : readPasted(clipboardData);
          if (cells) visual.cells(cells);
          return Boolean(cells);
        },
        handleDrop: (_view, event, _slice, isMoved) => {
          const [file] = event.dataTransfer?.files ?? [];
          if (isMoved || !file) return false;
          form.sendPicture(file);
          return true;
        },
      },
      onUpdate: changed,
      onTransaction: ({ editor }) => {
        const isInTable = editor.isActive("table");
        form.querySelector("[data-table-tools]").hidden = !isInTable;
        for (const [name, mark] of [["**", "bold"], ["*", "italic"]]) {
          form.querySelector(`[data-wrap="${name}"]`)?.setAttribute("aria-pressed", String(editor.isActive(mark)));
        }
      },
    });
  }

  // --- Tools ---

  const chain = () => state.editor.chain().focus();
  const LINK = /^\[\[([^[\]|]+)(?:\|([^[\]]+))?\]\]$/;
  const IMAGE = /^!\[([^\]]*)\]\((\S+?)(?: "([^"]*)")?\)$/;
  const NOTE = /^\[(.*), p\. \d+\]\(\/sources\/(\d+)\/pages\/(\d+)\/?\)\s*«\s*(.*?)\s*»$/s;
  const commands = {
    undo: () => chain().undo(),
    redo: () => chain().redo(),
    rowAfter: () => chain().addRowAfter(),
    columnAfter: () => chain().addColumnAfter(),
    deleteRow: () => chain().deleteRow(),
    deleteColumn: () => chain().deleteColumn(),
    deleteTable: () => chain().deleteTable(),
  };
  const visual = {
    isOn: false,
    flush,
    reload: () => {
      if (visual.isOn) turnTo("visual", false);
    },
    selected: () => {
      const { from, to } = state.editor.state.selection;
      return state.editor.state.doc.textBetween(from, to, " ");
    },
    wrap: (sign) => (sign === "**" ? chain().toggleBold() : chain().toggleItalic()).run(),
    line: (sign) => {
      const level = sign.match(/^(#{2,4}) $/)?.[1].length;
      const step = level ? chain().toggleHeading({ level }) : sign === "1. " ? chain().toggleOrderedList() : chain().toggleBulletList();
      step.run();
    },
    insert: (text) => {
      const [link, image] = [LINK.exec(text), IMAGE.exec(text.trim())];
      const node = link
        ? { type: "sheetLink", attrs: { title: link[1].trim(), shown: link[2] ?? "" } }
        : image
          ? { type: "image", attrs: { alt: image[1], src: image[2], title: image[3] ?? null } }
          : { type: "text", text };
      chain().insertContent(node).run();
    },
    cite: (note) => {
      const known = Object.entries(state.notes).find(([, one]) => one.text?.trim() === note.trim());
      let label = 1;
      // A marker without its note is text, and must not become a call of this one.
      while (label in state.notes || area.value.includes(`[^${label}]`)) label += 1;
      label = known ? known[0] : String(label);
      if (!known) {
        const [, title, document_, page, quote] = NOTE.exec(note) ?? [];
        state.notes[label] = { text: note, title: title ?? "", document: Number(document_) || null, page: Number(page), quote: quote ?? "" };
        state.added.set(label, note);
      }
      const { selection } = state.editor.state;
      chain().insertContentAt(selection.to, { type: "citation", attrs: { label } }).run();
    },
    table: (rows, head) => visual.cells([head, ...Array.from({ length: rows - 1 }, () => head.map(() => ""))]),
    cells: (rows) => {
      const cell = (type, text) => ({ type, content: [{ type: "paragraph", content: text ? [{ type: "text", text }] : [] }] });
      const lines = rows.map((row, at) => ({
        type: "tableRow",
        content: row.map((text) => cell(at ? "tableCell" : "tableHeader", text.trim())),
      }));
      chain().insertContent({ type: "table", content: lines }).run();
    },
    link: () => {
      const dialog = document.getElementById("edit-link");
      dialog.querySelector("input").value = state.editor.getAttributes("link").href ?? "";
      dialog.showModal();
    },
  };
  form.visual = visual;

  // Return what is pasted into the text area as Markdown: { text, isBlock }, or { cells }.
  form.readPasted = async (data) => {
    const [tiptap, schema, writer, pasted] = await load();
    const { html, cells, text } = pasted.readPasted(data);
    if (!html) return { cells, text };
    state.schema ??= tiptap.getSchema(schema.extensions(tiptap, {}));
    const box = new DOMParser().parseFromString(html, "text/html").body;
    const doc = tiptap.pm.model.DOMParser.fromSchema(state.schema).parse(box);
    return { text: new writer.Writer().document(doc).trim(), isBlock: doc.childCount > 1 || doc.firstChild.type.name !== "paragraph" };
  };
  for (const button of form.querySelectorAll("[data-command]")) {
    button.addEventListener("click", () => commands[button.dataset.command]().run());
  }
  form.querySelector("[data-web-link]")?.addEventListener("click", visual.link);
  document.getElementById("edit-link")?.addEventListener("close", ({ target: dialog }) => {
    if (!dialog.returnValue || dialog.returnValue === "close") return;
    const address = dialog.querySelector("input").value.trim();
    const href = /^[\w.+-]+@[\w.-]+$/.test(address) ? `mailto:${address}` : /^(?:https?:\/\/|mailto:|\/)/i.test(address) ? address : `https://${address}`;
    const { empty } = state.editor.state.selection;
    const isIn = state.editor.isActive("link");
    if (dialog.returnValue === "remove" || !address) chain().extendMarkRange("link").unsetMark("link").run();
    else if (empty && !isIn) chain().insertContent({ type: "text", text: address, marks: [{ type: "link", attrs: { href } }] }).run();
    else chain().extendMarkRange("link").setMark("link", { href, title: null }).run();
  });
  document.getElementById("edit-note")?.addEventListener("click", (event) => {
    const dialog = event.currentTarget;
    if ("close" in event.target.dataset) dialog.close();
    if ("uncite" in event.target.dataset) {
      dialog.close();
      chain().deleteSelection().run();
    }
  });

  document.addEventListener("submit", flush, true);
  document.addEventListener("visibilitychange", flush);
  addEventListener("pagehide", flush);
  addEventListener("beforeunload", flush, true);
  turnTo(remembered() === "markdown" ? "markdown" : "visual", false);
}
