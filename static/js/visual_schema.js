// The kinds of blocks and marks of the visual editor. What is not listed here is shown as Markdown.
// `tiptap` is the module of the editor's library; nothing is imported, so that addresses with a hash work.
const ORIGIN = ["paragraph", "heading", "bulletList", "orderedList", "blockquote", "table", "horizontalRule", "rawBlock"];

const hidden = { rendered: false };
const attribute = (fallback, more) => ({ default: fallback, ...hidden, ...more });

// An attribute that goes with what is copied within the editor.
const copied = (name) => ({
  default: "",
  parseHTML: (element) => element.dataset[name] ?? "",
  renderHTML: (attributes) => ({ [`data-${name}`]: attributes[{ sheet: "title" }[name] ?? name] }),
});

function ownNodes({ Node, Mark, Extension }, words) {
  const atom = (name, attributes, renderHTML, more = {}) =>
    Node.create({
      name,
      group: "inline",
      inline: true,
      atom: true,
      draggable: true,
      addAttributes: () => attributes,
      renderHTML,
      ...more,
    });
  return [
    atom("citation", { label: copied("label") }, ({ HTMLAttributes }) => ["span", { class: "chip", ...HTMLAttributes }], {
      marks: "",
      parseHTML: () => [{ tag: "span.chip[data-label]" }],
    }),
    atom(
      "sheetLink",
      { title: copied("sheet"), shown: copied("shown") },
      ({ node, HTMLAttributes }) => ["span", { class: "chip-link", title: node.attrs.title, ...HTMLAttributes }, node.attrs.shown || node.attrs.title],
      { parseHTML: () => [{ tag: "span.chip-link[data-sheet]" }] },
    ),
    atom(
      "rawInline",
      { source: copied("source") },
      ({ node, HTMLAttributes }) => ["code", { class: "chip-raw", title: words.raw, ...HTMLAttributes }, node.attrs.source],
      { parseHTML: () => [{ tag: "code.chip-raw[data-source]", priority: 60 }] },
    ),
    atom("softBreak", {}, () => ["span", { class: "soft-break" }, " "], { draggable: false, selectable: false }),
    atom(
      "image",
      { src: { default: "" }, alt: { default: "" }, title: { default: null } },
      ({ node: { attrs } }) =>
        /^\/(?![/\\])/.test(attrs.src)
          ? ["img", { src: attrs.src, alt: attrs.alt ?? "", ...(attrs.title ? { title: attrs.title } : {}) }]
          : ["span", { class: "chip-raw" }, attrs.alt || attrs.src],
      { parseHTML: () => [{ tag: "img[src]" }] },
    ),
    Node.create({
      name: "rawBlock",
      group: "block",
      content: "text*",
      marks: "",
      code: true,
      defining: true,
      parseHTML: () => [{ tag: "pre.raw-block", preserveWhitespace: "full" }],
      renderHTML: () => ["pre", { class: "raw-block", "aria-label": words.raw, spellcheck: "false" }, ["code", 0]],
    }),
    Mark.create({ name: "escaped", inclusive: false, renderHTML: () => ["span", 0] }),
    Mark.create({
      name: "link",
      inclusive: false,
      addAttributes: () => ({
        href: { default: "", parseHTML: (link) => link.dataset.href ?? link.getAttribute("href") },
        title: { default: null, parseHTML: (link) => (link.dataset.href ? null : link.getAttribute("title")) },
      }),
      parseHTML: () => [{ tag: "a[href]" }, { tag: "a[data-href]" }],
      renderHTML: ({ mark }) => ["a", { title: mark.attrs.href, "data-href": mark.attrs.href, class: "edited-link" }, 0],
    }),
    Extension.create({
      name: "origins",
      addGlobalAttributes: () => [{ types: ORIGIN, attributes: { origin: attribute(null, { keepOnSplit: false }) } }],
    }),
  ];
}

// Return the extensions of an editor; `more` are those that a page adds.
export function extensions(tiptap, words, more = []) {
  const { Document, Paragraph, Text, Heading, BulletList, OrderedList, ListItem, Blockquote, HorizontalRule } = tiptap;
  const { HardBreak, Bold, Italic, Strike, Code, Subscript, Superscript, Table, TableRow, TableCell, TableHeader } = tiptap;
  const listAttributes = { loose: attribute(false), indent: attribute(null) };
  const html = { addAttributes: () => ({ html: attribute(false) }) };
  const side = {
    default: null,
    renderHTML: ({ align }) => (align ? { "data-align": align } : {}),
    parseHTML: (cell) => cell.getAttribute("align"),
  };
  const cell = { content: "paragraph", addAttributes: () => ({ colspan: { default: 1 }, rowspan: { default: 1 }, colwidth: { default: null }, align: side }) };
  return [
    Document,
    Paragraph,
    Text,
    Heading.extend({
      addAttributes() {
        return { ...this.parent?.(), anchor: attribute(null) };
      },
    }),
    BulletList.extend({ addAttributes: () => listAttributes }),
    OrderedList.extend({ addAttributes: () => ({ ...listAttributes, start: { default: 1, parseHTML: (list) => Number(list.getAttribute("start") ?? 1) } }) }),
    ListItem.extend({ content: "paragraph block*", addAttributes: () => ({ lead: attribute(null) }) }),
    Blockquote,
    HorizontalRule.extend({ addAttributes: () => ({ markup: attribute("---") }) }),
    HardBreak.extend({ addAttributes: () => ({ markup: attribute(null) }) }),
    Bold,
    Italic,
    Strike,
    Code,
    Subscript.extend(html),
    Superscript.extend(html),
    Table.extend({
      addAttributes: () => ({ rule: attribute("") }),
      addNodeView: () => null,
      renderHTML: () => ["div", { class: "table-scroll" }, ["table", ["tbody", 0]]],
    }).configure({ resizable: false }),
    TableRow,
    TableCell.extend(cell),
    TableHeader.extend(cell),
    ...ownNodes(tiptap, words),
    ...more,
  ];
}
