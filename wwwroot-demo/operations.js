// The tab for operators: shows GET /stats of this node, every two seconds while the tab is visible. See docs/operations.md.
const every = 2_000;
const [tabs, figures, locked, why, unlock, key, node] =
  ["[role=tablist]", "#figures", "#locked", "#why", "#unlock", "#key", "#node"].map(selector => document.querySelector(selector));
const [page, operations] = ["page-tab", "operations-tab"].map(id => document.getElementById(id));
const number = new Intl.NumberFormat(), compact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const columns = { Name: name, Subscribers: of => number.format(of.subscribers), Messages: of => number.format(of.messages), "Per second": of => compact.format(of.messagesPerSecond) };
let before, timer;

// Tabs as the ARIA Authoring Practices have them: arrows move, one of them is in the tab order.
function select(tab) {
  for (const each of [page, operations]) {
    each.ariaSelected = String(each === tab);
    each.tabIndex = each === tab ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = each !== tab;
  }
  history.replaceState(null, "", tab === operations ? "#operations" : location.pathname + location.search);
  refresh();
}
page.onclick = operations.onclick = event => select(event.currentTarget);
tabs.onkeydown = ({ key: pressed }) => {
  if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(pressed)) return;
  const other = pressed === "Home" ? page : pressed === "End" ? operations : page.ariaSelected === "true" ? operations : page;
  select(other);
  other.focus();
};
unlock.onsubmit = event => {
  event.preventDefault();
  refresh();
};
document.addEventListener("visibilitychange", () => refresh());

async function refresh() {
  clearTimeout(timer);
  if (operations.ariaSelected !== "true" || document.hidden) return before = undefined;
  const round = timer = setTimeout(refresh, every);
  try {
    const answer = await fetch("stats?names=25", { cache: "no-store", headers: key.value ? { "X-Api-Key": key.value } : {} });
    if (timer !== round) return; // a newer request is running
    if (answer.ok) return show(await answer.json(), performance.now());
    const { detail } = await answer.json().catch(() => ({}));
    refuse(detail ?? `The server answers with ${answer.status}.`);
    if ([401, 403, 404].includes(answer.status)) clearTimeout(timer); // until the operator enters another key
  } catch {
    refuse("The server cannot be reached; trying again.");
  }
}

function refuse(reason) {
  before = undefined;
  locked.hidden = false;
  if (why.textContent !== reason) why.textContent = reason; // a live region is read aloud at every change
}

function show(stats, at) {
  locked.hidden = true;
  why.textContent = "";
  const pace = of => before && compact.format((stats.delivered[of] - before.delivered[of]) * 1_000 / (at - before.at));
  const { connections, names, delivered, kept, redis } = stats;
  fill({
    Connections: [number.format(connections.total), Object.entries(connections.byTransport).filter(([, count]) => count).map(([way, count]) => `${number.format(count)} ${way.replace("_", " ")}`).join(", ")],
    Names: [number.format(names.total), `${number.format(names.subscribers)} subscribers`],
    Behind: [number.format(names.behind), "subscribers, by more than a second"],
    "Deliveries a second": [pace("messages") ?? "–", `${number.format(delivered.messages)} in all`],
    "Bytes a second": [pace("bytes") ?? "–", `${bytes(delivered.bytes)} in all`],
    Redis: [redis.state, redis.probeMilliseconds == null ? "" : `${compact.format(redis.probeMilliseconds)} ms there and back`],
    "Kept messages": [bytes(kept.bytes), `of ${bytes(kept.limit)}`],
  });
  table("talkers", stats.topTalkers);
  table("largest", names.largest);
  node.textContent = `Notifier ${stats.version}, up for ${time(stats.uptimeSeconds)}`;
  before = { delivered, at };
}

function fill(all) {
  figures.replaceChildren(...Object.entries(all).map(([term, [value, more]]) => {
    const card = make("div");
    card.append(make("dt", term), make("dd", value), make("dd", more));
    if (term === "Redis" && value !== "up") card.className = "failed";
    return card;
  }));
}

// Names come from any subscriber: they are text, and never become HTML.
function table(id, names) {
  const head = make("thead"), body = make("tbody"), row = make("tr");
  row.append(...Object.keys(columns).map(title => Object.assign(make("th", title), { scope: "col" })));
  head.append(row);
  body.append(...names.map(of => {
    const line = make("tr");
    line.append(...Object.entries(columns).map(([title, text]) => title === "Name" ? Object.assign(make("th", text(of)), { scope: "row" }) : make("td", text(of))));
    return line;
  }));
  if (!names.length) {
    body.append(make("tr"));
    body.firstChild.append(Object.assign(make("td", "None yet"), { colSpan: 4 }));
  }
  const filled = document.getElementById(id);
  filled.replaceChildren(filled.caption, head, body);
}

function name({ channel, pattern }) {
  return channel ?? pattern;
}

function bytes(count) {
  const unit = Math.min(Math.floor(Math.log2(count || 1) / 10), 4);
  return `${compact.format(count / 1024 ** unit)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

function time(seconds) {
  const [days, hours, minutes] = [seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60].map(Math.floor);
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${seconds} s`;
}

function make(tag, text = "") {
  return Object.assign(document.createElement(tag), { textContent: text });
}

if (location.hash === "#operations") select(operations);
