// From the visual editor's document to Markdown. What nobody touched is written as it was read: an
// untouched block, item or row is the same object as in the document that was loaded, and `sources`
// knows its lines. The server's scanner is the reference of the dialect; time is linear in the text.
const SIGNS = { bold: "**", italic: "*", strike: "~~" };
const NAMES = ["link", "bold", "italic", "strike", "subscript", "superscript", "code"];
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const LINE_START = /^(?:#{1,6}(?=\s|$)|[-+*•●○◦▪■□‣⁃·–—](?=\s|$)|>|=+\s*$|-+\s*$|_{3,}\s*$|:(?=\s)|`{3}|~{3}|\|[|:\- ]*$)/;
const BLANK = /\n[ \t]*\n/;

// --- Within a paragraph ---

// What is risky is asked of a paragraph once: how often a sign stands in it.
function survey(node) {
  const counts = {};
  let hasLinks = false;
  let before = "";
  node.forEach((child) => {
    const isPlain = child.isText && !child.marks.some(({ type }) => type.name === "code" || type.name === "escaped");
    const text = isPlain ? child.text : " ";
    for (const [sign] of text.matchAll(/[`*_~^]/g)) counts[sign] = (counts[sign] ?? 0) + 1;
    hasLinks ||= /\][([:]|\[\[|\[\^/.test(before + text);
    before = text.slice(-1);
  });
  return { counts, hasLinks };
}

const isSpace = (sign) => /\s/.test(sign);
const isWord = (sign) => /[\p{L}\p{N}]/u.test(sign);

function escaped(text, { counts, hasLinks }, { atStart, inHeading }) {
  let out = text.replace(/[\\`*_[<~^&]/g, (sign, at) => {
    const [before, after] = [text[at - 1] ?? "", text[at + 1] ?? ""];
    const isPair = counts[sign] > 1;
    const risky = {
      "\\": () => !after || (PUNCTUATION.test(after) && !"()$".includes(after)), // what looks like a formula is one
      "`": () => isPair,
      "*": () => isPair && !(isSpace(before) && isSpace(after)),
      _: () => isPair && !(isWord(before) && isWord(after)),
      "[": () => hasLinks,
      "<": () => /[a-z/!?]/i.test(after),
      "~": () => isPair,
      "^": () => isPair && before !== "[",
      "&": () => /^&(?:#\d|#x[\da-f]|\w+;)/i.test(text.slice(at, at + 40)),
    }[sign]();
    return risky ? `\\${sign}` : sign;
  });
  if (atStart) {
    out = out.replace(LINE_START, "\\$&").replace(/^(\d{1,9})([.)])(?=\s|$)/, "$1\\$2");
    out = out.replace(/^(Table ?)(?=: )/, "$1\\");
  }
  return inHeading ? out.replace(/(^|\s)(#+\s*)$/, "$1\\$2") : out;
}

function ticks(text) {
  const longest = [...text.matchAll(/`+/g)].reduce((most, [run]) => Math.max(most, run.length), 0);
  const fence = "`".repeat(longest + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${pad}${text}${pad}${fence}`;
}

function address({ href, title }) {
  const clean = href.replace(/[\s<>]/g, encodeURIComponent);
  const balanced = clean.split("(").length === clean.split(")").length;
  const words = title ? ` "${title.replaceAll('"', "'")}"` : "";
  return `(${balanced ? clean : clean.replaceAll("(", "%28").replaceAll(")", "%29")}${words})`;
}

const isAddress = (text, { href, title }) =>
  !title && /^\S+$/.test(text) && [text, `mailto:${text}`, `https://${text}`].includes(href) && /^(?:https?:\/\/|www\.)|@/.test(text);

function atomText(node, inCell) {
  const { attrs } = node;
  switch (node.type.name) {
    case "citation":
      return `[^${attrs.label}]`;
    case "sheetLink":
      return attrs.shown ? `[[${attrs.title}|${attrs.shown}]]` : `[[${attrs.title}]]`;
    case "rawInline":
      return attrs.source;
    case "image":
      return `![${(attrs.alt ?? "").replace(/[[\]]/g, "")}]${address({ href: attrs.src, title: attrs.title })}`;
    case "softBreak":
      return inCell ? " " : "\n";
    case "hardBreak":
      return attrs.markup && !(inCell && attrs.markup.includes("\n")) ? attrs.markup : inCell ? "<br>" : "  \n";
    default:
      return "";
  }
}

const marksOf = (node) => NAMES.map((name) => node.marks.find((mark) => mark.type.name === name)).filter(Boolean);
const has = (marks, mark) => marks.some((other) => other.eq(mark));

function signsOf({ type: { name }, attrs }) {
  if (SIGNS[name]) return [SIGNS[name], SIGNS[name]];
  const [tag, sign] = name === "subscript" ? ["sub", "~"] : ["sup", "^"];
  return attrs.html ? [`<${tag}>`, `</${tag}>`] : [sign, sign];
}

// Return the marks of each child: spaces at the edge of a mark have none, since no mark ends behind one.
function wantedMarks(children) {
  const wanted = children.map(marksOf);
  children.forEach((child, at) => {
    const isGap = child.isText ? !child.text.trim() : ["softBreak", "hardBreak"].includes(child.type.name);
    if (!isGap) return;
    const after = at + 1 < children.length ? marksOf(children[at + 1]) : [];
    wanted[at] = wanted[at].filter((mark) => at > 0 && has(wanted[at - 1], mark) && has(after, mark));
  });
  return wanted;
}

// Return for each child where each of its marks ends.
function markEnds(wanted) {
  const ends = wanted.map(() => new Map());
  for (let at = wanted.length - 1; at >= 0; at -= 1) {
    for (const mark of wanted[at]) {
      const next = [...(ends[at + 1] ?? [])].find(([other]) => other.eq(mark));
      ends[at].set(mark, next ? next[1] : at);
    }
  }
  return ends;
}

// Return the text of a paragraph, heading or cell. Of marks that begin together the longest is outermost.
function writeInline(node, { inCell = false, inHeading = false } = {}) {
  const children = [];
  node.forEach((child) => children.push(child));
  const known = survey(node);
  const wanted = wantedMarks(children);
  const ends = markEnds(wanted);
  const open = [];
  const out = [];
  let atLine = true;
  const close = () => {
    const { mark, isBare } = open.pop();
    if (isBare) return;
    const isLink = mark.type.name === "link";
    const last = out.pop();
    const kept = isLink ? last : last.trimEnd();
    out.push(kept, isLink ? `]${address(mark.attrs)}` : signsOf(mark)[1]);
    if (kept.length < last.length) out.push(last.slice(kept.length));
  };
  children.forEach((child, at) => {
    let text = child.isText ? child.text : atomText(child, inCell);
    const marks = wanted[at].filter((mark) => mark.type.name !== "code");
    const ended = open.findIndex(({ mark }) => !has(marks, mark));
    while (ended >= 0 && open.length > ended) close();
    const fresh = marks.filter((mark) => !open.some((one) => one.mark.eq(mark)));
    fresh.sort((a, b) => ends[at].get(b) - ends[at].get(a));
    for (const mark of fresh) {
      if (mark.type.name === "link") {
        const isBare = child.isText && ends[at].get(mark) === at && isAddress(child.text, mark.attrs);
        if (!isBare) out.push("[");
        open.push({ mark, isBare });
      } else {
        const [lead] = child.isText ? text.match(/^\s*/) : [""];
        text = text.slice(lead.length);
        out.push(lead, signsOf(mark)[0]);
        open.push({ mark });
      }
    }
    const names = child.marks.map(({ type }) => type.name);
    if (!child.isText || open.at(-1)?.isBare) out.push(text);
    else if (names.includes("code")) out.push(ticks(text));
    else if (names.includes("escaped")) out.push(text.replace(/./gsu, "\\$&"));
    else {
      const atStart = atLine && !fresh.length && !inCell && !inHeading;
      out.push(escaped(text, known, { atStart, inHeading: inHeading && at === children.length - 1 }));
    }
    if (text.trim() || !child.isText) atLine = text.endsWith("\n");
  });
  while (open.length) close();
  const written = out.join("");
  return inHeading ? written.replaceAll("\n", " ") : written;
}

// --- Blocks ---

const indented = (text, by) => text.replace(/\n(?=[^\n])/g, `\n${by}`);

function cells(row) {
  const found = [];
  row.forEach((cell) => found.push(cell));
  return found;
}

const writeCell = (cell) => cells(cell).map((part) => writeInline(part, { inCell: true })).join("<br>").replaceAll("\n", " ").trim();

const columnsOf = (rule) => rule.trim().replace(/^\||\|$/g, "").split("|");
const dashes = { left: ":--", right: "--:", center: ":-:" };
const sideOf = (dash) => ({ "10": "left", "01": "right", "11": "center", "00": null })[`${Number(dash.trim().startsWith(":"))}${Number(dash.trim().endsWith(":"))}`];

export class Writer {
  // `sources` keeps the lines of what was read: by block, item and row.
  constructor() {
    this.sources = new WeakMap();
    this.written = new WeakMap();
    this.gaps = [""];
  }

  block(node, fresh = false) {
    const known = fresh ? null : (this.sources.get(node) ?? this.written.get(node));
    if (known !== null && known !== undefined) return known;
    const text = this.write(node, fresh);
    if (!fresh) this.written.set(node, text);
    return text;
  }

  write(node, fresh) {
    const { attrs } = node;
    switch (node.type.name) {
      case "paragraph":
        return writeInline(node).trim();
      case "heading": {
        const text = writeInline(node, { inHeading: true }).trim();
        return text || attrs.anchor ? `${"#".repeat(attrs.level)} ${text}${attrs.anchor ? ` {#${attrs.anchor}}` : ""}` : "";
      }
      case "horizontalRule":
        return attrs.markup;
      case "rawBlock":
        return node.textContent.replace(/\n+$/, "");
      case "blockquote":
        return this.join(node, fresh).replace(/^(?=.)/gm, "> ").replace(/^$/gm, ">");
      case "bulletList":
      case "orderedList":
        return this.list(node, fresh);
      case "table":
        return this.table(node, fresh);
      default:
        return "";
    }
  }

  join(node, fresh) {
    const parts = [];
    node.forEach((child) => parts.push(this.write(child, fresh)));
    return parts.filter(Boolean).join("\n\n");
  }

  list(list, fresh, other = false) {
    const numbers = list.type.name === "orderedList";
    const leads = cells(list).map(({ attrs }) => attrs.lead);
    const fits = (lead) => lead && /^\d/.test(lead) === numbers;
    const first = leads.find(fits) ?? (numbers ? "1. " : "- ");
    const same = numbers && leads.length > 1 && leads.every((lead) => lead === first);
    const lead = (at) => {
      const own = numbers && !same ? `${(list.attrs.start ?? 1) + at}${first.replace(/^\d+/, "")}` : first;
      return other ? own.replace(/^-/, "*").replace(/^([+*•])(?=\s)/, (s) => (own.startsWith("-") ? s : "-")).replace(/^(\d+)([.)])/, (_, n, stop) => n + (stop === "." ? ")" : ".")) : own;
    };
    const items = [];
    list.forEach((item, _offset, at) => {
      const kept = !fresh && !other && item.attrs.lead === lead(at) ? this.sources.get(item) : null;
      items.push(kept ?? this.item(item, lead(at), fresh));
    });
    return items.join(list.attrs.loose ? "\n\n" : "\n");
  }

  item(item, lead, fresh) {
    let text = "";
    item.forEach((child, _offset, at) => {
      const isList = /List$/.test(child.type.name);
      const by = " ".repeat(isList ? (child.attrs.indent ?? lead.length) : lead.length);
      const own = this.write(child, fresh);
      if (at === 0) text += indented(own, by);
      else if (own) text += `${isList ? "\n" : "\n\n"}${by}${indented(own, by)}`;
    });
    return `${lead}${text}`.replace(/[ \t]+$/, "");
  }

  table(table, fresh) {
    const rows = cells(table);
    const head = cells(rows[0]);
    const old = columnsOf(table.attrs.rule ?? "");
    const isSame = table.attrs.rule && old.length === head.length && head.every((cell, at) => sideOf(old[at]) === cell.attrs.align);
    const rule = isSame ? table.attrs.rule : `| ${head.map((cell) => dashes[cell.attrs.align] ?? "---").join(" | ")} |`;
    const lines = rows.map((row) => {
      const kept = fresh || !isSame ? null : this.sources.get(row);
      return kept ?? `| ${cells(row).map((cell) => writeCell(cell).replace(/\|(?![^[\]]*\]\])/g, "\\|")).join(" | ")} |`;
    });
    return [lines[0], rule, ...lines.slice(1)].join("\n");
  }

  // Return the whole text; `notes` are new footnotes, one line each.
  document(doc, notes = []) {
    let out = this.gaps[0];
    const used = new Set([0]);
    let before = null;
    doc.forEach((node) => {
      const isKept = this.sources.has(node);
      let text = this.block(node);
      if (!text && !isKept) return;
      const { origin } = node.attrs;
      const follows = before && origin !== null && before.attrs.origin !== null && origin === before.attrs.origin + 1;
      let gap = before ? "\n\n" : out && !/\n$/.test(out) ? "\n\n" : "";
      if (follows && !used.has(origin)) {
        gap = this.gaps[origin];
        used.add(origin);
        const isRaw = [before, node].some((one) => one.type.name === "rawBlock");
        if (!BLANK.test(gap) && !(isKept && this.sources.has(before)) && (isRaw || before.type.name === "paragraph")) gap = `\n\n${gap.replace(/^\n/, "")}`;
      } else if (before && before.type === node.type && /List$/.test(node.type.name)) {
        if (firstSign(this.last) === firstSign(text)) text = this.list(node, false, true);
      }
      out += gap + text;
      this.last = text;
      before = node;
    });
    const inner = this.gaps.slice(1, -1).filter((gap, at) => gap.trim() && !used.has(at + 1)).map((gap) => gap.trim());
    let tail = this.gaps.length > 1 ? this.gaps.at(-1) : "";
    for (const more of [...inner, ...notes]) {
      const gap = /^\[\^/.test(tail.trim()) ? "\n" : "\n\n";
      tail = `${tail.trimEnd()}${gap}${more}\n`;
    }
    return out + tail;
  }
}

const firstSign = (text) => /^\s*(?:\d+([.)])|(\S))/.exec(text)?.slice(1).join("");

// --- What was read ---

// Return a document of what the server has read; a block that would not be written as it stands is shown as Markdown.
export function readBlocks(schema, { blocks, gaps }, writer) {
  const build = (json, register) => {
    const marks = (json.marks ?? []).map(({ type, attrs }) => schema.mark(type, attrs));
    if (json.type === "text") return schema.text(json.text, marks);
    const node = schema.node(json.type, json.attrs, (json.content ?? []).map((child) => build(child, register)), marks);
    if (json.source !== undefined) register.push([node, json.source]);
    if (json.cell !== undefined && writeCell(node) !== json.cell) throw new Error("cell");
    return node;
  };
  const raw = (source, origin) => schema.node("rawBlock", { origin }, source ? [schema.text(source)] : []);
  writer.gaps = gaps;
  const nodes = blocks.map(({ source, node: json }, origin) => {
    let node = null;
    const register = [];
    if (json) {
      try {
        node = build({ ...json, attrs: { ...json.attrs, origin } }, register);
        node.check();
        if (json.type !== "table" && writer.block(node, true) !== source) node = null;
      } catch {
        node = null;
      }
    }
    for (const [part, lines] of node ? register : []) writer.sources.set(part, lines);
    node ??= raw(source, origin);
    writer.sources.set(node, source);
    return node;
  });
  return schema.node("doc", null, nodes.length ? nodes : [schema.node("paragraph")]);
}
