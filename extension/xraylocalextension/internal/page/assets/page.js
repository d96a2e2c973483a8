// Refreshes pages that are lists, and opens or closes all rows of a timeline. The
// pages work without it.
"use strict";

const everySeconds = 5;

// Whoever writes in the search box keeps what they wrote.
function typing() {
  const search = document.querySelector(".search input");
  return search && (search === document.activeElement || search.value !== search.defaultValue);
}

// Whoever has a log event open is reading it.
function reading() { return document.querySelector(".event[open]"); }

const box = document.getElementById("refresh");
if (box) {
  const key = "tailwater.refresh";
  const remembered = (() => { try { return localStorage.getItem(key); } catch { return null; } })();
  box.checked = remembered !== "off";
  box.addEventListener("change", () => {
    try { localStorage.setItem(key, box.checked ? "on" : "off"); } catch { /* not remembered */ }
  });
  let busy = false;
  setInterval(async () => {
    if (!box.checked || busy || document.hidden || typing() || reading()) return;
    busy = true;
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (reply.ok) {
        const next = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("content");
        const now = document.getElementById("content");
        const scroller = now.querySelector(".graph-scroll");
        const left = scroller ? scroller.scrollLeft : 0;
        now.replaceWith(next);
        const fresh = next.querySelector(".graph-scroll");
        if (fresh) fresh.scrollLeft = left;
      }
    } catch { /* the collector is away; the next try may find it */ }
    busy = false;
  }, everySeconds * 1000);
}

for (const [id, open] of [["open-all", true], ["close-all", false]]) {
  const button = document.getElementById(id);
  if (!button) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    for (const row of document.querySelectorAll(".timeline details")) row.open = open;
  });
}
