// Extras on pages that work without them.

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-exclude]");
  if (link && event.shiftKey) {
    event.preventDefault();
    location.assign(link.dataset.exclude);
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; });
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  }
});

// The text below a chart tells what is under the pointer.
function follow(event) {
  const part = event.target.closest?.("[data-chart] .hit, [data-text]");
  if (!part) return;
  const text = part.closest("figure").querySelector("[data-chart-text]");
  text.textContent = part.title || part.querySelector("title").textContent;
}
document.addEventListener("pointerover", follow);
document.addEventListener("pointerdown", follow);

function show() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}
document.addEventListener("htmx:afterSwap", show);
show();
