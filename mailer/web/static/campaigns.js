// Comforts of writing a campaign; everything works without them.
//
//   data-inserts="text" data-into="ID"   on a button: puts the text where the cursor is
//   data-line="12"                       on a link to a text area: goes to that line of it
//   data-counts                          on an input: says how many characters it has
//   data-when-now, data-when-at          on the words of the send button: follow the choice of time

document.addEventListener("click", (event) => {
  const inserting = event.target.closest?.("[data-inserts]");
  if (inserting) {
    const area = document.getElementById(inserting.dataset.into);
    area.focus();
    area.setRangeText(inserting.dataset.inserts, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    return;
  }
  const line = event.target.closest?.("[data-line]");
  if (!line) return;
  const area = document.querySelector(line.getAttribute("href"));
  if (!area) return;
  event.preventDefault();
  const lines = area.value.split("\n");
  const number = Math.min(Number(line.dataset.line), lines.length);
  const start = lines.slice(0, number - 1).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + lines[number - 1].length);
  area.scrollTop = Math.max(0, (number - 5) * parseFloat(getComputedStyle(area).lineHeight));
});

for (const input of document.querySelectorAll("[data-counts]")) {
  const shown = document.createElement("span");
  shown.className = "text-secondary ms-2";
  document.querySelector(`label[for="${input.id}"]`)?.append(shown);
  const count = () => { shown.textContent = [...input.value].length; };
  input.addEventListener("input", count);
  count();
}

const words = document.querySelector("[data-when-now]");
document.addEventListener("change", (event) => {
  const at = document.getElementById("f-when-at");
  if (!words || !at) return;
  if (event.target.matches("#f-date, #f-time")) at.checked = true;
  words.textContent = at.checked ? words.dataset.whenAt : words.dataset.whenNow;
});
