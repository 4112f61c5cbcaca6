// The review queue by keyboard: J and K move, Enter accepts. The keys work only while the focus is
// inside the table, so they disturb nobody who speaks or types elsewhere (WCAG 2.1.4).
//
//   data-review-queue     the body of the table
//   data-review-row       a row; data-current marks the one the keys are at
//   data-review-link      what takes the focus in a row
//   data-review-accept    the form that accepts it

const queue = document.querySelector("[data-review-queue]");

const rows = () => [...queue.querySelectorAll("[data-review-row]")];

function focusRow(row) {
  row?.querySelector("[data-review-link]")?.focus();
}

function mark(row) {
  for (const other of rows()) other.toggleAttribute("data-current", other === row);
}

if (queue) {
  queue.addEventListener("focusin", (event) => mark(event.target.closest("[data-review-row]")));
  queue.addEventListener("focusout", (event) => {
    if (!queue.contains(event.relatedTarget)) mark(null);
  });

  queue.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const row = event.target.closest("[data-review-row]");
    if (!row) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") {
      event.preventDefault();
      const all = rows();
      focusRow(all[all.indexOf(row) + (key === "j" ? 1 : -1)]);
    } else if (key === "enter" && event.target.matches("[data-review-link]")) {
      const form = row.querySelector("[data-review-accept]");
      if (!form) return; // the link opens the title
      event.preventDefault();
      form.requestSubmit();
    }
  });

  // A settled row goes away: the next one takes the focus, or the list is fetched anew.
  let next = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const row = event.detail.target?.closest?.("[data-review-row]");
    if (!row || !event.detail.shouldSwap) return;
    const all = rows();
    const at = all.indexOf(row);
    next = all[at + 1] ?? all[at - 1] ?? null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (next?.isConnected) focusRow(next);
    next = null;
    if (!rows().length) location.reload();
  });
}
