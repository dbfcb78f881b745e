// What is pasted from Word, Excel, web pages and PDF, as plain elements and as Markdown. The HTML is
// read into a document of its own, where nothing is loaded or run; only what is listed here is taken
// over. Each element is looked at once, and at most DEEPEST of them around another.
const DEEPEST = 60;
export const LONGEST = 1_000_000; // characters of HTML; of what is longer the text is pasted
const DROPPED = new Set(["SCRIPT", "NOFRAMES", "TEMPLATE", "NOSCRIPT", "META", "LINK", "TITLE", "HEAD", "SVG", "MATH", "IFRAME", "OBJECT", "EMBED", "FORM", "INPUT", "BUTTON", "SELECT", "TEXTAREA", "COL", "COLGROUP", "IMG", "VIDEO", "AUDIO", "CANVAS", "O:P", "DEL"]);
const BLOCKS = new Set(["P", "DIV", "SECTION", "ARTICLE", "MAIN", "HEADER", "FOOTER", "ASIDE", "NAV", "FIGURE", "FIGCAPTION", "ADDRESS", "PRE", "DL", "DT", "DD", "BODY", "HTML", "CENTER", "DETAILS", "SUMMARY", "CAPTION"]);
const MARKS = { B: "strong", STRONG: "strong", EM: "em", I: "em", S: "s", STRIKE: "s", SUB: "sub", SUP: "sup", CODE: "code", KBD: "code" };
const BULLET = /^\s*(?:[-–—•●○◦▪■□‣⁃·\uF0B7\uF0A7\uF02D]|o(?=[\s\u00a0]{2}))[\s\u00a0]+/;
const NUMBER = /^\s*\(?(?:\d{1,3}|[a-z])[.)][\s\u00a0]+/;

// Return text without soft hyphens, invisible signs and odd spaces; no-break spaces become spaces,
// since the page sets those of French itself.
export const cleanText = (text) =>
  text
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069\0]/g, "")
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, " ")
    .replace(/[\u2028\u2029\v\f]/g, "\n")
    .replace(/\r\n?/g, "\n");

// Return the lines of a paragraph that a PDF has wrapped as one, with the words that it cut in one piece.
export function joinLines(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  const isWrapped = lines.length > 1 && lines.slice(0, -1).every((line) => line.length > 30 && line.length < 160);
  if (!isWrapped || lines.some((line) => /^(?:[#>|]|\s*(?:[-*+]|\d+[.)])\s|\[\^)/.test(line))) return text;
  return text.replace(/(\p{Ll})[-\u2010]\n(?=\p{Ll})/gu, "$1").replace(/([^\n.!?:;|])\n(?=[\p{L}\d(«])/gu, "$1 ");
}

const safe = (href) => (/^(?:https?:\/\/|mailto:)/i.test(href.trim()) ? href.trim() : null);
const styleOf = (element, name) => new RegExp(`(?:^|;)\\s*${name}\\s*:\\s*([^;]{1,60})`, "i").exec((element.dataset?.style ?? "").slice(0, 2000))?.[1].trim() ?? "";
const isBold = (element) => /^(?:bold|bolder|[6-9]00)$/i.test(styleOf(element, "font-weight"));
const isPlain = (element) => /^(?:normal|[1-5]00)$/i.test(styleOf(element, "font-weight"));

// Return { kind, level } of a paragraph that Word marks as an item of a list or as a heading by its class or style.
function wordKind(element) {
  const list = /mso-list:\s*l\d+\s+level(\d)/i.exec((element.dataset?.style ?? "").slice(0, 2000));
  const name = element.className?.toString().slice(0, 200) ?? "";
  const heading = /^(?:MsoHeading|Heading|Titre)\s*([1-6])$|\bMsoTitle\b/i.exec(name);
  if (heading) return { kind: "heading", level: Number(heading[1] ?? 1) };
  if (list) return { kind: "item", level: Number(list[1]) };
  return /MsoListParagraph/i.test(name) ? { kind: "item", level: 1 } : { kind: "" };
}

class Cleaner {
  constructor() {
    this.out = document.implementation.createHTMLDocument("");
    this.at = this.out.body; // where blocks go
    this.line = null; // the open paragraph
    this.marks = [];
    this.lists = []; // open lists of Word, which are paragraphs there
  }

  open() {
    if (this.line) return this.line;
    const isCell = /^(?:TD|TH|H[1-6])$/.test(this.at.nodeName);
    this.line = isCell ? this.at : this.at.appendChild(this.out.createElement("p"));
    return this.line;
  }

  end() {
    this.line = null;
  }

  text(value) {
    const clean = cleanText(value).replace(/[\t\n ]+/g, " ");
    if (!clean || (clean === " " && !this.line)) return;
    let place = this.open();
    for (const { tag, href } of this.marks) {
      const last = place.lastChild;
      if (last?.nodeName === tag.toUpperCase() && (last.getAttribute("href") ?? null) === (href ?? null)) {
        place = last;
      } else {
        place = place.appendChild(this.out.createElement(tag));
        if (href) place.setAttribute("href", href);
      }
    }
    place.append(clean);
  }

  within(place, work) {
    const [at, line, marks] = [this.at, this.line, this.marks];
    [this.at, this.line, this.marks] = [place, null, []];
    work();
    [this.at, this.line, this.marks] = [at, line, marks];
    this.line = null;
  }

  children(element, depth) {
    for (const child of element.childNodes) this.visit(child, depth + 1);
  }

  visit(node, depth) {
    if (node.nodeType === Node.TEXT_NODE) {
      this.text(node.data);
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || DROPPED.has(node.nodeName.toUpperCase())) return;
    if (/^none$/i.test(styleOf(node, "display")) || /^ignore$/i.test(styleOf(node, "mso-list"))) return;
    if (depth > DEEPEST) {
      this.text(node.textContent);
      return;
    }
    this.element(node, depth);
  }

  element(node, depth) {
    const tag = node.nodeName.toUpperCase();
    const inCell = this.at.closest("td, th") !== null;
    if (/^H[1-6]$/.test(tag)) this.heading(node, Number(tag[1]), depth, inCell);
    else if ((tag === "UL" || tag === "OL") && !inCell) this.list(node, tag.toLowerCase(), depth);
    else if (tag === "TABLE" && !inCell && this.isTable(node)) this.table(node, depth);
    else if (tag === "BR") {
      if (this.line) this.line.append(this.out.createElement("br"));
    } else if (tag === "HR") this.end();
    else if (tag === "BLOCKQUOTE" && !inCell) {
      this.end();
      this.within(this.at.appendChild(this.out.createElement("blockquote")), () => this.children(node, depth));
    } else if (tag === "P" && !inCell) this.paragraph(node, depth);
    else if (BLOCKS.has(tag) || /^(?:TR|TD|TH|TBODY|THEAD|TFOOT|TABLE|LI|UL|OL|BLOCKQUOTE|P)$/.test(tag)) {
      if (inCell && this.line?.lastChild) this.line.append(" ");
      else this.end();
      this.children(node, depth);
      if (!inCell) this.end();
    } else this.inline(node, tag, depth);
  }

  inline(node, tag, depth) {
    const before = this.marks;
    const href = tag === "A" ? safe(node.getAttribute("href") ?? "") : null;
    const mark = isPlain(node) ? null : (MARKS[tag] ?? (isBold(node) ? "strong" : null));
    if (href) this.marks = [{ tag: "a", href }, ...before];
    else if (mark && !before.some((one) => one.tag === mark)) this.marks = [...before, { tag: mark }];
    this.children(node, depth);
    this.marks = before;
  }

  heading(node, level, depth, inCell) {
    if (inCell || this.at.nodeName === "LI") {
      this.children(node, depth);
      return;
    }
    this.end();
    this.lists = [];
    const heading = this.at.appendChild(this.out.createElement(`h${Math.min(Math.max(level, 2), 4)}`));
    this.within(heading, () => {
      this.line = heading;
      for (const child of node.childNodes) this.text(child.textContent);
    });
  }

  paragraph(node, depth) {
    const { kind, level } = wordKind(node);
    if (kind === "heading") {
      this.heading(node, level, depth, false);
      return;
    }
    if (kind === "item" && this.at.nodeName !== "LI") {
      this.wordItem(node, level, depth);
      return;
    }
    this.end();
    this.lists = [];
    this.children(node, depth);
    this.end();
  }

  // An item of a list that Word writes as a paragraph: its sign is text of its own, mostly ignored.
  wordItem(node, level, depth) {
    const sign = cleanText(node.textContent.slice(0, 40));
    const tag = NUMBER.test(sign) ? "ol" : "ul";
    this.end();
    this.lists.length = Math.min(this.lists.length, level);
    while (this.lists.length < level) {
      const last = this.lists.at(-1)?.lastChild ?? this.at;
      this.lists.push(last.appendChild(this.out.createElement(tag)));
      if (this.lists.length < level && !this.lists.at(-1).lastChild) {
        this.lists.length = Math.max(this.lists.length, 1);
        break;
      }
    }
    const item = this.lists.at(-1).appendChild(this.out.createElement("li"));
    const lists = this.lists;
    this.within(item, () => this.children(node, depth));
    this.lists = lists;
    const first = firstText(item);
    if (first) first.data = first.data.replace(BULLET, "").replace(NUMBER, "");
  }

  list(node, tag, depth) {
    this.end();
    const parent = this.at.nodeName === "UL" || this.at.nodeName === "OL" ? (this.at.lastChild ?? this.at) : this.at;
    const list = parent.appendChild(this.out.createElement(tag));
    for (const child of node.children) {
      if (/^(?:UL|OL)$/.test(child.nodeName) && depth < DEEPEST) {
        const item = list.lastChild ?? list.appendChild(this.out.createElement("li"));
        this.within(item, () => this.element(child, depth + 1));
      } else {
        const item = list.appendChild(this.out.createElement("li"));
        this.within(item, () => this.children(child, depth + 1));
      }
    }
    this.end();
  }

  // A table of one cell is how pages are laid out.
  isTable(node) {
    return node.rows?.length > 0 && [...node.rows].some((row) => row.cells.length > 1);
  }

  table(node, depth) {
    this.end();
    const rows = [...node.rows];
    const width = Math.min(rows.reduce((most, row) => Math.max(most, row.cells.length), 0), 60);
    const table = this.at.appendChild(this.out.createElement("table"));
    rows.forEach((row, number) => {
      const line = table.appendChild(this.out.createElement("tr"));
      for (let at = 0; at < width; at += 1) {
        const cell = line.appendChild(this.out.createElement(number ? "td" : "th"));
        const from = row.cells[at];
        if (!from) continue;
        this.within(cell, () => {
          this.line = cell;
          this.children(from, depth + 3);
        });
        if (/^\s*[-+]?[\d\s.,]+(?:\s*[%€])?\s*$/.test(cell.textContent) || from.getAttribute("align") === "right") cell.align = "right";
      }
    });
    alignColumns(table, width);
    this.end();
  }
}

// A column is aligned as a whole: to the right if all that it says below its head are figures.
function alignColumns(table, width) {
  for (let at = 0; at < width; at += 1) {
    const column = [...table.rows].map((row) => row.cells[at]);
    const filled = column.slice(1).filter((cell) => cell.textContent.trim());
    const isRight = filled.length > 0 && filled.every((cell) => cell.align === "right");
    for (const cell of column) {
      if (isRight) cell.align = "right";
      else cell.removeAttribute("align");
    }
  }
}

function firstText(node) {
  let at = node;
  while (at && at.nodeType !== Node.TEXT_NODE) at = at.firstChild;
  return at;
}

// Return pasted HTML as plain elements: paragraphs, headings, lists, tables, quotes, links.
export function cleanHtml(html) {
  if (html.length > LONGEST) return "";
  const cleaner = new Cleaner();
  // Under another name styles and events are neither applied nor complained of.
  const inert = html
    .replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/(?<=[\s"'])(?=(?:style|on\w+)\s*=)/gi, "data-"))
    .replace(/(<\/?)style(?![\w-])/gi, "$1noframes");
  cleaner.children(new DOMParser().parseFromString(inert, "text/html").body, 0);
  for (const empty of cleaner.out.querySelectorAll("p, li, h2, h3, h4")) {
    if (!empty.textContent.trim() && !empty.querySelector("table, ul, ol")) empty.remove();
  }
  return cleaner.out.body.innerHTML;
}

// Whether plain elements say more than their text.
const RICH = /<(?:h[1-6]|ul|ol|table|a|blockquote|strong|em|sub|sup)[\s>]/i;

// Return cells copied from a spreadsheet as text: at least two rows or columns, as many in each row, and no long text.
function pastedCells(text) {
  const rows = cleanText(text).replace(/\n$/, "").split("\n").map((row) => row.split("\t"));
  const width = rows[0].length;
  const isTable = width > 1 && rows.length > 1 && rows.every((row) => row.length === width);
  return isTable && !rows.some((row) => BULLET.test(`${row[0]} `) || /^\s*(?:o|\d+[.)])\s*$/.test(row[0])) ? rows : null;
}

// Return { html, cells, text } of what was pasted: the one that says most of it, the others null.
export function readPasted(data) {
  const text = data.getData("text/plain");
  const html = data.getData("text/html");
  const clean = html ? cleanHtml(html) : "";
  if (RICH.test(clean)) return { html: clean, cells: null, text: null };
  const cells = pastedCells(text);
  return { html: null, cells, text: cells ? null : joinLines(cleanText(text)) };
}
