// Send each file on its own, with a row that shows how far it is. Without this script the form
// sends them all at once and the answer lists what became of each.
(() => {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector("[data-drop]");
  const results = document.querySelector("[data-results]");
  const rows = document.querySelector("[data-rows]");
  const template = document.getElementById("upload-row");
  const words = template.dataset;
  const kilobyte = 1024;
  const megabyte = 1024 * kilobyte;
  const limit = Number(form.dataset.limit);
  const atOnce = 2;
  const waiting = [];
  let sending = 0;

  // Sizes as the pages tell them: the words are the page's.
  const language = document.documentElement.lang;
  const tenths = new Intl.NumberFormat(language, {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  const plural = new Intl.PluralRules(language);
  const size = (bytes) => {
    if (bytes < kilobyte) {
      const unit = plural.select(bytes) === "one" ? words.byte : words.bytes;
      return unit.replace("%s", bytes);
    }
    return bytes < megabyte
      ? words.kb.replace("%s", tenths.format(bytes / kilobyte))
      : words.mb.replace("%s", tenths.format(bytes / megabyte));
  };
  const time = (seconds) => {
    const left = Math.max(1, Math.round(seconds));
    return left < 60 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
  };
  const fill = (sentence, values) =>
    sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

  // One row: a file, and what is done with it.
  const add = (file) => {
    const row = template.content.firstElementChild.cloneNode(true);
    const part = (name) => row.querySelector(`[data-${name}]`);
    part("name").textContent = file.name;
    part("size").textContent = size(file.size);
    row.querySelector("progress").setAttribute("aria-label", file.name);
    const job = { file, said: new FormData(form), row, part, request: null };
    part("stop").addEventListener("click", () => stop(job));
    part("again").addEventListener("click", () => queue(job));
    rows.append(row);
    const problem = refusal(file);
    if (problem) fail(job, problem, false);
    else queue(job);
  };

  const refusal = (file) => {
    if (!file.size) return words.empty;
    if (file.size <= limit * megabyte) return "";
    // As the row shows it, but never the limit itself.
    const shown = Math.max(Math.round((10 * file.size) / megabyte) / 10, limit + 0.1);
    return fill(words.tooLarge, { size: tenths.format(shown), limit });
  };

  const queue = (job) => {
    job.part("bar").hidden = false;
    job.part("problem").hidden = true;
    job.part("stop").hidden = false;
    job.part("again").hidden = true;
    job.part("step").textContent = words.waiting;
    job.part("time").textContent = "";
    job.row.querySelector("progress").value = 0;
    waiting.push(job);
    next();
  };

  const next = () => {
    while (sending < atOnce && waiting.length) send(waiting.shift());
  };

  const send = (job) => {
    const data = job.said;
    data.set("uploads", job.file, job.file.name);
    const request = new XMLHttpRequest();
    const started = performance.now();
    job.request = request;
    sending += 1;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) pace(job, event.loaded, event.total, performance.now() - started);
    });
    request.addEventListener("load", () => answer(job, request));
    request.addEventListener("error", () => fail(job, words.offline, true));
    request.addEventListener("abort", () => fail(job, words.stopped, true));
    request.addEventListener("loadend", () => {
      job.request = null;
      sending -= 1;
      next();
    });
    request.open("POST", form.action || location.href);
    request.setRequestHeader("HX-Request", "true");
    request.send(data);
    job.part("step").textContent = words.sending;
  };

  const pace = (job, loaded, total, spent) => {
    const bar = job.row.querySelector("progress");
    if (loaded >= total) {
      bar.removeAttribute("value");
      job.part("step").textContent = words.storing;
      job.part("time").textContent = "";
      return;
    }
    bar.value = (100 * loaded) / total;
    job.part("step").textContent = `${words.sending} · ${Math.floor((100 * loaded) / total)} %`;
    if (spent > 1000) {
      const left = ((total - loaded) * spent) / loaded / 1000;
      job.part("time").textContent = fill(words.left, { time: time(left) });
    }
  };

  // The answer is the row itself, as the page without script shows it.
  const answer = (job, request) => {
    const ours = [201, 409, 422].includes(request.status);
    if (!ours) {
      const again = request.status >= 500 || request.status === 429;
      return fail(job, fill(words.refused, { status: request.status }), again);
    }
    const hadFocus = job.row.contains(document.activeElement);
    job.row.innerHTML = request.responseText;
    if (window.htmx) htmx.process(job.row);
    if (hadFocus) input.focus();
  };

  const stop = (job) => {
    if (job.request) return job.request.abort();
    const place = waiting.indexOf(job);
    if (place >= 0) waiting.splice(place, 1);
    fail(job, words.stopped, true);
  };

  const fail = (job, sentence, again) => {
    job.part("bar").hidden = true;
    job.part("problem").hidden = false;
    job.part("sentence").textContent = sentence;
    job.part("stop").hidden = true;
    job.part("again").hidden = !again;
  };

  const take = (files) => {
    if (!files.length) return;
    results.hidden = false;
    for (const file of files) add(file);
  };

  form.querySelector("[data-send]").hidden = true;
  input.required = false;
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("formaction")) event.preventDefault();
  });

  const over = (on) => drop.toggleAttribute("data-over", on);
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(false);
  });
  addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    over(false);
    take([...event.dataTransfer.files]);
  });
  addEventListener("beforeunload", (event) => {
    if (sending || waiting.length) event.preventDefault();
  });
})();
