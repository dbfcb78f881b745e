// Completing a field of a sheet, in its place: candidates are fetched when asked for.
// Without this script the links lead to a page with the same list.
(() => {
  const styles = document.querySelector("[data-complete-css]")?.dataset.completeCss;

  const style = () => {
    if (!styles || document.querySelector(`link[href="${styles}"]`)) return;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: styles }));
  };

  const put = (html, link) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-complete]");
    const place = link.closest("[data-complete]") ?? link.closest("section")?.querySelector("[data-complete]");
    if (!fresh) return null;
    if (place) place.replaceWith(fresh);
    else (link.closest("section") ?? link.closest(".prose")).append(fresh);
    return fresh;
  };

  const show = async (address, link) => {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) return location.assign(address);
    style();
    const box = put(await answer.text(), link);
    const { hash } = new URL(address, location.href);
    const field = box?.querySelector(hash || "[data-complete] > section");
    field?.scrollIntoView({ block: "nearest" });
    field?.querySelector("input[type=search]")?.focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-complete-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.href, link);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-complete-form]");
    if (!form) return;
    event.preventDefault();
    const { action } = form;
    show(`${action}?${new URLSearchParams(new FormData(form))}`, form);
  });
})();
