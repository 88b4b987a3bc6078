"use strict";

// Everything here is a comfort: each page works without it.

const find = document.getElementById("find");

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && find) {
    event.preventDefault();
    find.focus();
    find.select();
  }
});

function busy(main) {
  const active = document.activeElement;
  return document.hidden || main.querySelector("details[open]") || (active !== main && main.contains(active))
    || String(document.getSelection()) !== "";
}

async function refresh(main) {
  if (busy(main)) {
    return;
  }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok || answer.redirected) {
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  if (page && !busy(main)) {
    main.replaceChildren(...page.childNodes);
  }
}

const refreshed = document.querySelector("main[data-refresh]");
if (refreshed) {
  setInterval(() => refresh(refreshed).catch(() => {}), 1000 * Number(refreshed.dataset.refresh));
}

const tickAll = document.getElementById("tick-all");
if (tickAll) {
  tickAll.hidden = false;
  tickAll.addEventListener("change", () => {
    for (const box of tickAll.form.querySelectorAll("input[name=id]")) {
      box.checked = tickAll.checked;
    }
  });
}

const tail = document.getElementById("tail");
if (tail) {
  const status = document.getElementById("live-status");
  const pause = document.getElementById("live-pause");
  let stream = null;

  const show = (event) => {
    const { id, html } = JSON.parse(event.data);
    const body = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html");
    const row = body.querySelector("tr");
    const before = document.getElementById(`n${id}`);
    if (before) {
      before.replaceWith(row);
      return;
    }
    row.classList.add("fresh");
    tail.prepend(row);
    document.querySelector("main .blank")?.remove();
    while (tail.rows.length > Number(tail.dataset.most)) {
      tail.lastElementChild.remove();
    }
  };

  const follow = () => {
    stream = new EventSource("/live/events");
    stream.addEventListener("open", () => { status.textContent = "following"; });
    stream.addEventListener("error", () => { status.textContent = "the connection is lost, trying again"; });
    stream.addEventListener("trouble", (event) => { status.textContent = JSON.parse(event.data).text; });
    stream.addEventListener("row", show);
    pause.textContent = "Pause";
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    if (stream) {
      stream.close();
      stream = null;
      status.textContent = "paused";
      pause.textContent = "Follow";
    } else {
      follow();
    }
  });
  follow();
}
