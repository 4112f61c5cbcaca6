// Comforts of the screens. Everything works without this file; it acts on data-* attributes only:
//
//   data-warn-unsaved           on a form: leaving with unsaved changes asks first
//   data-filters="LIST-ID"      on a search input: hides the .form-check of the list that do not match
//   data-copy="text"            on a button: copies the text; data-copied is what is announced then
//   data-focus                  takes the focus after a swap by htmx (or on load, with autofocus)
//   data-submits                on a select or checkbox: sends its form when it changes
//   data-theme-form             the theme form of the user menu: switches without a reload
//   data-closes-outside         on details: closes on Escape and on a click elsewhere
//   commandfor + command        on a button: opens and closes a dialog where browsers cannot yet
//
// toast(text) shows and announces a passing message; the server may ask for one by the header
// HX-Trigger: {"toast": "text"}.

const $ = (selector, within = document) => within.querySelector(selector);

export function toast(text, { bad = false } = {}) {
  const line = document.createElement("p");
  line.className = bad ? "toast-line note note-bad" : "toast-line note note-ok";
  line.textContent = text;
  line.tabIndex = 0;
  $("#toasts").append(line);
  let timer;
  const start = () => { timer = setTimeout(() => line.remove(), 10_000); };
  const stop = () => clearTimeout(timer);
  for (const name of ["pointerenter", "focus"]) line.addEventListener(name, stop);
  for (const name of ["pointerleave", "blur"]) line.addEventListener(name, start);
  start();
}

// --- unsaved changes -------------------------------------------------------------------------
const snapshots = new WeakMap();
const contents = (form) =>
  JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value.name ?? value]));

function watch(within) {
  for (const form of within.querySelectorAll("form[data-warn-unsaved]")) {
    if (!snapshots.has(form)) snapshots.set(form, contents(form));
  }
}

addEventListener("beforeunload", (event) => {
  for (const form of document.querySelectorAll("form[data-warn-unsaved]")) {
    if (snapshots.has(form) && snapshots.get(form) !== contents(form)) {
      event.preventDefault();
      event.returnValue = document.body.dataset.unsaved ?? "";
      return;
    }
  }
});

// --- forms -----------------------------------------------------------------------------------
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-theme-form]")) {
    switchTheme(event);
    return;
  }
  if (event.defaultPrevented || form.method === "dialog") return;
  snapshots.delete(form); // what is being sent is not lost
  if (form.dataset.sent && !form.hasAttribute("hx-post")) {
    event.preventDefault(); // a second click on a slow connection
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 8000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-submits]");
  if (control) control.form.requestSubmit();
});

document.addEventListener("input", (event) => {
  const input = event.target.closest("[data-filters]");
  if (!input) return;
  const wanted = input.value.trim().toLocaleLowerCase();
  for (const choice of document.getElementById(input.dataset.filters).querySelectorAll(".form-check")) {
    const shown = choice.textContent.toLocaleLowerCase().includes(wanted) || $("input", choice).checked;
    choice.hidden = !shown;
  }
});
document.addEventListener("keydown", (event) => {
  // Enter in a filter must not send the form.
  if (event.key === "Enter" && event.target.matches?.("[data-filters]")) event.preventDefault();
});

async function switchTheme(event) {
  const form = event.target;
  const button = event.submitter;
  if (!button || !window.applyTheme) return;
  event.preventDefault();
  const body = new FormData(form, button);
  window.applyTheme(button.value);
  for (const other of form.querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  try {
    await fetch(form.action, { method: "POST", body, redirect: "manual" });
  } catch {
    toast(document.body.dataset.failed, { bad: true });
  }
}

// --- buttons ---------------------------------------------------------------------------------
const speaksCommand = "command" in HTMLButtonElement.prototype;

document.addEventListener("click", async (event) => {
  const copying = event.target.closest?.("[data-copy]");
  if (copying) {
    try {
      await navigator.clipboard.writeText(copying.dataset.copy);
      toast(copying.dataset.copied ?? copying.dataset.copy);
    } catch {
      getSelection().selectAllChildren(copying.previousElementSibling ?? copying);
    }
  }
  const button = event.target.closest?.("button[commandfor]");
  if (button && !speaksCommand) {
    const dialog = document.getElementById(button.getAttribute("commandfor"));
    if (button.getAttribute("command") === "show-modal") dialog.showModal();
    else dialog.close();
  }
  for (const details of document.querySelectorAll("details[data-closes-outside][open]")) {
    if (!details.contains(event.target)) details.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const details of document.querySelectorAll("details[data-closes-outside][open]")) {
    details.open = false;
    $("summary", details).focus();
  }
});

// --- htmx ------------------------------------------------------------------------------------
// What is being typed is newer than any answer that arrives meanwhile.
if (window.Idiomorph) window.Idiomorph.defaults.ignoreActiveValue = true;
document.addEventListener("htmx:afterSettle", (event) => {
  const swapped = event.detail.elt;
  watch(document);
  const target = swapped.matches?.("[data-focus]") ? swapped : $("[data-focus]", swapped);
  target?.focus();
});
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, () => toast(document.body.dataset.failed, { bad: true }));
}
document.addEventListener("toast", (event) => toast(event.detail.value));

watch(document);
$("#errors")?.focus();
// A menu that scrolls sideways shows where one is.
const here = $(".menu [aria-current]");
if (here && here.parentElement.scrollWidth > here.parentElement.clientWidth) {
  here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 16;
}
