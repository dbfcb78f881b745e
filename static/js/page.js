// Bring the passage that was asked for into view: on the picture where it stands beside the text,
// in the text where nothing is marked on the picture.
(() => {
  const here = document.querySelector(".marks [data-here]") ?? document.querySelector(".page-text mark");
  const image = document.querySelector(".picture img");
  if (!here) return;
  const show = () => {
    const box = here.getBoundingClientRect();
    const hidden = box.top < 0 || box.bottom > innerHeight;
    if (hidden) scrollTo({ top: scrollY + box.top - innerHeight / 3 });
  };
  if (!image || image.complete) show();
  else image.addEventListener("load", show, { once: true });
})();
