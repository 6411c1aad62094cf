// What makes the page live: server-sent events, filters without a reload, keys, and times as the reader's clock has them.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const overview = find("#detections") !== null;

document.documentElement.classList.add("scripted");

// Times: the server writes them in UTC.
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dated = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
const long = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium", hour12: false });

function tellTimes(root = document) {
  for (const time of all("time", root)) {
    const moment = new Date(time.dateTime);
    const isToday = moment.toDateString() === new Date().toDateString();
    const style = "long" in time.dataset ? long : isToday ? short : dated;
    time.textContent = style.format(moment);
    time.title = time.dateTime;
  }
}

// A list takes new entries and loses old ones; those that stay are not touched, so that neither focus nor pictures are lost.
function mergeList(list, fresh) {
  const kept = new Map([...list.children].map((entry) => [entry.id, entry]));
  const wanted = [...fresh.children].map((entry) => {
    const known = kept.get(entry.id);
    if (!known && kept.size > 0) entry.classList.add("new");
    return known ?? document.adoptNode(entry);
  });
  for (const entry of kept.values()) if (!wanted.includes(entry)) entry.remove();
  wanted.forEach((entry, at) => {
    if (list.children[at] !== entry) list.insertBefore(entry, list.children[at] ?? null);
  });
}

// A list that is long shows its beginning first.
function prepareList() {
  const [list, more] = [find("#detections"), find("#more")];
  const hides = () => [...list.children].some((entry) => !entry.offsetParent);
  more.hidden = !hides();
  more.onclick = () => {
    list.classList.add("all");
    more.hidden = true;
  };
}

// The page as the server has it now; where it has none, `refused` is told the status.
async function latest(refused) {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!response.ok) {
    refused(response.status);
    return null;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  tellTimes(page);
  document.title = page.title;
  return page;
}

// Takes over what is marked as fresh.
async function refresh() {
  const page = await latest((status) => status === 401 && location.reload());
  if (!page) return;
  for (const part of all("[data-fresh]")) {
    const fresh = find(`#${part.id}`, page);
    if (!fresh) continue;
    if (part.tagName === "OL") mergeList(part, fresh);
    else if (part.innerHTML !== fresh.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
  prepareList();
}

// Runs at most once a second, and once more after the last call.
function throttled(run) {
  let due = null;
  let last = 0;
  return () => {
    if (due) return;
    due = setTimeout(async () => {
      last = Date.now();
      try {
        await run();
      } catch {
        // The gateway is away: the live light says so.
      }
      due = null;
    }, Math.max(0, last + 1000 - Date.now()));
  };
}

const redraw = () => document.dispatchEvent(new CustomEvent("charts"));
const look = throttled(async () => {
  await refresh();
  redraw();
});

function listen() {
  const light = find("#live");
  const tell = (state, words) => {
    light.dataset.state = state;
    light.textContent = words;
  };
  const events = new EventSource("/live");
  let decided = null;
  events.onopen = () => tell("live", "live");
  events.onerror = () => tell("lost", "not live; trying again");
  events.addEventListener("detection", look);
  events.addEventListener("look", ({ data }) => {
    if (decided !== null && data !== decided) look();
    decided = data;
  });
  // Time passes, and with it what is recent.
  setInterval(() => document.hidden || look(), 10_000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
}

// Filters: a form that works by itself, and without a reload here.
function filterBy(form) {
  const values = [...new FormData(form)].filter(([, value]) => value !== "");
  const address = `/?${new URLSearchParams(values)}`;
  history.pushState(null, "", address);
  show();
}

async function show() {
  const page = await latest(() => location.reload());
  if (!page) return;
  const focused = document.activeElement?.name;
  for (const place of ["#lead", "#filters", ".models", ".columns"]) find(place).replaceWith(find(place, page));
  prepareFilters();
  prepareList();
  if (focused) find(`#filters [name="${CSS.escape(focused)}"]`)?.focus();
  redraw();
}

function prepareFilters() {
  const form = find("#filters");
  form.addEventListener("change", () => filterBy(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filterBy(form);
  });
}

// A stretch of time that was marked in a chart.
document.addEventListener("stretch", ({ detail: [from, to] }) => {
  const address = new URL(location.href);
  address.searchParams.set("from", Math.floor(from));
  address.searchParams.set("to", Math.ceil(to));
  history.pushState(null, "", address);
  show();
});

// Keys.
function step(by) {
  const links = all("#detections a").filter((link) => link.offsetParent);
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const keys = overview
  ? {
      j: () => step(1),
      k: () => step(-1),
      f: () => find("#filters select").focus(),
      "?": () => find("#keys").showModal(),
      Escape: () => {
        if (location.search) {
          history.pushState(null, "", "/");
          show();
        }
      },
    }
  : {
      j: () => find("#older")?.click(),
      ArrowRight: () => find("#older")?.click(),
      k: () => find("#newer")?.click(),
      ArrowLeft: () => find("#newer")?.click(),
      Escape: () => find("#up")?.click(),
    };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
  if (event.target.matches?.("input, textarea") || (event.target.matches?.("select") && event.key !== "Escape")) return;
  const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});

tellTimes();
if (overview) {
  prepareFilters();
  prepareList();
  listen();
  addEventListener("popstate", show);
  const help = find("#help");
  help.hidden = false;
  help.addEventListener("click", keys["?"]);
}

// On a touch screen nothing hovers: one button shows what all squeezers changed.
for (const button of all("[data-changes]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = button.closest(".block").classList.toggle("changes");
    button.setAttribute("aria-pressed", shown);
    button.textContent = shown ? "Show the copies" : "Show what squeezing changed";
  });
}

// Back to where one came from, filters and all.
if (!overview && document.referrer) {
  const from = new URL(document.referrer);
  if (from.origin === location.origin && from.pathname === "/") sessionStorage.setItem("up", from.search);
  const up = find("#up");
  if (up) up.search = sessionStorage.getItem("up") ?? "";
}
