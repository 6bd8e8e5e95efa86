// The tab for operators: GET /stats of this node, every two seconds, and charts of the last minutes. See docs/operations.md.
const every = 2_000;
const shortest = 60, longest = 300; // seconds in the charts
const height = 40; // of a chart, in its own units; it is as wide as it has seconds
const [operations, tabs, charts, figures, locked, why, unlock, key, node] =
  ["#operations", "[role=tablist]", "#charts", "#figures", "#locked", "#why", "#unlock", "#key", "#node"].map(selector => document.querySelector(selector));
const [live, tab] = ["page-tab", "operations-tab"].map(id => document.getElementById(id));
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 }), compact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const number = value => whole.format(value), perSecond = value => `${(value < 100 ? compact : whole).format(value)}/s`;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const columns = { Name: nameOf, Subscribers: of => number(of.subscribers), Messages: of => number(of.messages), "Per second": of => compact.format(of.messagesPerSecond) };

// How to read each from a sample, given the sample before it; and how to write it.
const lines = {
  Connections: [({ stats }) => stats.connections.total, number],
  "Messages in": [rate(stats => stats.received.messages), perSecond],
  "Deliveries out": [rate(stats => stats.delivered.messages), perSecond],
  Latency: [({ stats: { redis } }) => redis.state === "up" ? redis.probeMilliseconds : undefined, value => `${compact.format(value)} ms`],
  Memory: [({ stats }) => stats.memoryBytes, bytes],
};
const samples = []; // the latest last; stats is missing where the node did not answer
let isOperator = false, timer;

// Tabs as the ARIA Authoring Practices have them: arrows move, one of them is in the tab order.
function select(chosen) {
  for (const each of [live, tab]) {
    each.ariaSelected = String(each === chosen);
    each.tabIndex = each === chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = each !== chosen;
  }
  history.replaceState(null, "", chosen === tab ? "#operations" : location.pathname + location.search);
  refresh();
}
live.onclick = tab.onclick = event => select(event.currentTarget);
tabs.onkeydown = ({ key: pressed }) => {
  if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(pressed)) return;
  const other = pressed === "Home" ? live : pressed === "End" ? tab : live.ariaSelected === "true" ? tab : live;
  select(other);
  other.focus();
};
unlock.onsubmit = event => {
  event.preventDefault();
  refresh();
};
document.addEventListener("visibilitychange", () => refresh());

// Goes on while another view is shown, so that the charts have no holes.
async function refresh() {
  clearTimeout(timer);
  if (!isOperator && tab.ariaSelected !== "true") return;
  const round = timer = setTimeout(refresh, every);
  try {
    const answer = await fetch("stats?names=25", { cache: "no-store", headers: key.value ? { "X-Api-Key": key.value } : {} });
    const body = await answer.json().catch(() => ({}));
    if (timer !== round) return; // a newer request is running
    isOperator = answer.ok;
    if (answer.ok) return take(body);
    refuse(body.detail ?? `The server answers with ${answer.status}.`, answer.status);
    if ([401, 403, 404].includes(answer.status)) clearTimeout(timer); // until the operator enters another key
  } catch {
    if (timer === round) refuse("The server cannot be reached; trying again.");
  }
}

function refuse(reason, status) {
  locked.hidden = ![401, 403].includes(status);
  add({});
  const latest = samples.findLast(({ stats }) => stats);
  complain(latest ? `These figures are of ${clock.format(latest.time)}. ${reason}` : reason);
  draw();
}

function take(stats) {
  locked.hidden = true;
  complain("");
  add({ stats });
  draw();
}

function complain(text) {
  operations.classList.toggle("stale", !!text);
  if (why.textContent !== text) why.textContent = text; // a live region is read aloud at every change
}

function add(sample) {
  samples.push({ ...sample, at: performance.now(), time: new Date() });
  while (samples[0].at < samples.at(-1).at - longest * 1_000) samples.shift();
}

function draw() {
  const latest = samples.findLastIndex(({ stats }) => stats), stats = samples[latest]?.stats;
  operations.classList.toggle("blank", !stats);
  if (!stats || tab.ariaSelected !== "true" || document.hidden) return;
  const { connections, names, delivered, kept, redis } = stats;
  const seconds = Math.max(shortest, (samples.at(-1).at - samples[0].at) / 1_000), minutes = Math.round(seconds / 60);
  const period = minutes === 1 ? "in the last minute" : `in the last ${minutes} minutes`;
  const ways = Object.entries(connections.byTransport).filter(([, count]) => count).map(([way, count]) => `${number(count)} ${way.replace("_", " ")}`);
  document.getElementById("period").textContent = period;
  charts.replaceChildren(...Object.entries(lines).map(([title, [read, write]]) => {
    const values = samples.map((sample, n) => sample.stats && read(sample, samples[n - 1]));
    const most = Math.max(0, ...values.filter(value => value !== undefined)), value = values[latest];
    const peak = `at most ${write(most)}`, picture = make("dd");
    picture.append(chart(values, most, seconds, `${title}, ${period}, ${peak}`));
    return card(title, value === undefined ? "–" : write(value), make("dd", title === "Connections" ? ways.join(", ") : peak), picture);
  }));
  const bytesOut = rate(stats => stats.delivered.bytes)(samples[latest], samples[latest - 1]);
  figures.replaceChildren(
    card("Names", number(names.total), make("dd", `${number(names.subscribers)} subscribers`)),
    card("Behind", number(names.behind), make("dd", "subscribers, by more than a second")),
    card("Bytes out", bytesOut === undefined ? "–" : `${bytes(bytesOut)}/s`, make("dd", `${bytes(delivered.bytes)} in all`)),
    card("Kept messages", bytes(kept.bytes), make("dd", `of ${bytes(kept.limit)}`)),
    card("Redis", redis.state, make("dd", redis.state === "up" ? "receives and delivers" : "see the log")),
  );
  figures.lastChild.classList.toggle("failed", redis.state !== "up");
  table("talkers", stats.topTalkers);
  table("largest", names.largest);
  node.textContent = `Notifier ${stats.version}, up for ${time(stats.uptimeSeconds)}`;
}

function card(title, value, ...details) {
  const made = make("div");
  made.append(make("dt", title), make("dd", value), ...details);
  return made;
}

// Lines with an area below them; a hole where a value is missing.
function chart(values, most, seconds, label) {
  const runs = [[]], latest = samples.at(-1).at;
  values.forEach((value, n) => {
    if (value === undefined) return runs.push([]);
    runs.at(-1).push([seconds - (latest - samples[n].at) / 1_000, height - (height - 2) * value / (most || 1)].map(each => each.toFixed(1)));
  });
  const drawn = runs.filter(run => run.length);
  const svg = shape("svg", { viewBox: `0 0 ${seconds} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  svg.append(
    shape("path", { class: "area", d: drawn.map(run => `M${run[0][0]} ${height}L${run.join("L")}V${height}Z`).join("") }),
    shape("path", { class: "line", d: drawn.map(run => `M${run.join("L")}h0`).join("") }));
  return svg;
}

function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A counter that went back belongs to another process.
function rate(read) {
  return (now, before) => {
    const grown = now?.stats && before?.stats ? read(now.stats) - read(before.stats) : -1;
    return grown >= 0 ? grown * 1_000 / (now.at - before.at) : undefined;
  };
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

function nameOf({ channel, pattern }) {
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

if (location.hash === "#operations") select(tab);
isOperator ||= await fetch("notifier-demo.json").then(answer => answer.json()).then(offered => offered.isOperator, () => false);
if (isOperator) refresh();
