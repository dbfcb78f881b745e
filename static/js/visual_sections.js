// The sections of the visual editor as a list, to be moved with buttons or by dragging. The blocks
// that move stay the same objects, so that each keeps its Markdown.

// Return { title, from, to } of each section: a heading of level 1 or 2 with what follows it.
function sectionsOf(doc) {
  const found = [];
  doc.forEach((node, from) => {
    if (node.type.name === "heading" && node.attrs.level <= 2) found.push({ title: node.textContent, from });
  });
  return found.map((one, at) => ({ ...one, to: found[at + 1]?.from ?? doc.content.size }));
}

// Return a transaction that moves the section `at` to the place `to` of the list.
function moveSection(state, at, to) {
  const sections = sectionsOf(state.doc);
  const section = sections[at];
  if (!section || to < 0 || to >= sections.length || to === at) return null;
  const { content } = state.doc.slice(section.from, section.to);
  const place = to > at ? sections[to].to : sections[to].from;
  const { tr } = state;
  tr.delete(section.from, section.to);
  return tr.insert(tr.mapping.map(place), content);
}

// Show the sections of an editor in `box`; return what brings the list up to date.
export function listSections(box, getEditor, words) {
  const list = box.querySelector("ol");
  let shown = "";
  let dragged = null;
  const move = (at, to, way) => {
    const editor = getEditor();
    const change = moveSection(editor.state, at, to);
    if (!change) return;
    editor.view.dispatch(change);
    update();
    const item = list.children[to];
    (item.querySelector(`[data-way="${way}"]:not(:disabled)`) ?? item.querySelector("button:not(:disabled)"))?.focus();
  };
  const button = (way, label, at, to, count) => {
    const one = document.createElement("button");
    one.type = "button";
    one.className = "button quiet tiny square";
    one.dataset.way = way;
    one.textContent = way === "up" ? "↑" : "↓";
    one.setAttribute("aria-label", `${label} (${at + 1}/${count})`);
    one.disabled = to < 0 || to >= count;
    one.addEventListener("click", () => move(at, to, way));
    return one;
  };
  const item = ({ title }, at, all) => {
    const line = document.createElement("li");
    line.draggable = true;
    const name = document.createElement("span");
    name.textContent = title;
    line.append(
      button("up", `${words.up} ${title}`, at, at - 1, all.length),
      button("down", `${words.down} ${title}`, at, at + 1, all.length),
      name,
    );
    line.addEventListener("dragstart", (event) => {
      dragged = at;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", title);
    });
    line.addEventListener("dragover", (event) => {
      if (dragged !== null) event.preventDefault();
    });
    line.addEventListener("drop", (event) => {
      event.preventDefault();
      if (dragged !== null) move(dragged, at, "down");
      dragged = null;
    });
    return line;
  };
  const update = () => {
    if (!box.open) return;
    const sections = sectionsOf(getEditor().state.doc);
    const titles = JSON.stringify(sections.map(({ title }) => title));
    if (titles === shown) return;
    shown = titles;
    list.replaceChildren(...sections.map(item));
  };
  box.addEventListener("toggle", () => {
    shown = "";
    update();
  });
  return update;
}
