// The demo page. It uses the client that it advertises: one connection for all names (see notifier.js and docs/embedding.md).
import { make, matches, notification, snippet } from "./notification.js";
const kept = 200; // notifications in the list
const latest = 20, atOnce = 500; // earlier messages requested per name, and ms within which they arrive
const minute = 60; // seconds in the chart
const usual = ["new-users", "notifications.*"]; // if a proxy does not pass what the server offers
const troubles = { // by the state of Redis
  away: ["Redis does not answer", "What is published now does not arrive. Notifier keeps trying to connect."],
  refused: ["Redis answers with an error", "What is published now does not arrive. The log of Notifier has the error."],
  deaf: ["Redis sends no messages", "Redis answers, but this node receives nothing. Notifier is replacing the connection."],
};

const [page, status, trouble, form, field, names, list, count, publish, published, follow] =
  ["page", "status", "trouble", "subscribe", "name", "names", "notifications", "count", "publish", "published", "follow"].map(id => document.getElementById(id));
const show = (id, text) => document.getElementById(id).textContent = text;
const notifier = new Notifier();
const subscriptions = new Map();
const rates = Array(minute).fill(0); // messages of each second
let subscribed = 0, received = 0, ofThisSecond = 0, arrived = [], pinged, pinnedScript, toasts, looking, hasBegun = false;
let server = { redis: "up", subscribe: "", names: [] }; // what it offers: GET /notifier-demo.json

class Subscription {
  #live; #since; #reason = make("span", "reason");

  constructor(name) {
    this.name = name;
    this.kind = /[*?[\\]/.test(name) ? "pattern" : "channel"; // as the plain text protocol has it
    this.hue = 165 + subscribed++ * 137.5; // the golden angle: neighbours differ, and no hue repeats
    this.chip = make("li");
    this.chip.style.setProperty("--hue", this.hue);
    this.#reason.role = "alert";
    const remove = make("button", "", "×");
    remove.ariaLabel = `Unsubscribe from ${name}`;
    remove.onclick = () => this.leave();
    this.chip.append(make("span", "dot"), make("span", "name", name), remove, this.#reason);
  }

  open() {
    this.#live?.close();
    this.become("connecting");
    this.#live = notifier[this.kind](this.name, message => receive(this, message), { last: latest });
  }

  confirm() {
    this.#since ??= Date.now(); // messages after a later confirmation are recovered ones
    this.become("connected");
  }

  /** Whether messages that arrive now are earlier ones, whose time is unknown. */
  get isBeginning() {
    const age = Date.now() - this.#since;
    return age >= 0 && age < atOnce;
  }

  covers(channel) {
    return this.state !== "refused" && (this.kind === "pattern" ? matches(this.name, channel) : this.name === channel);
  }

  leave() {
    this.#live.close();
    subscriptions.delete(this.name);
    const neighbour = this.chip.nextElementSibling ?? this.chip.previousElementSibling;
    (neighbour?.querySelector("button") ?? field).focus(); // the keyboard focus must not vanish with the button
    this.chip.remove();
    showStatus();
    showSnippets();
  }

  become(state, reason = "") {
    this.state = this.chip.className = state;
    this.#reason.textContent = reason;
    showSnippets();
  }
}

function subscribe(name) {
  const subscription = subscriptions.get(name) ?? new Subscription(name);
  if (subscription.state && subscription.state !== "refused") return;
  subscriptions.set(name, subscription);
  names.append(subscription.chip);
  subscription.open();
  showStatus();
}

const of = ({ detail }) => subscriptions.get(detail.pattern ?? detail.channel);
const refuse = event => of(event)?.become("refused", `${event.detail.message} (${event.detail.code})`);

notifier.addEventListener("subscribed", event => of(event)?.confirm());
notifier.addEventListener("unsubscribed", refuse);
notifier.addEventListener("error", event => {
  if (event.detail.channel ?? event.detail.pattern) refuse(event);
  else for (const subscription of subscriptions.values()) subscription.become("refused", `${event.detail.message} (${event.detail.code})`);
});
notifier.addEventListener("gap", event => mark(of(event), event.detail));
notifier.addEventListener("state", ({ detail: { state } }) => {
  if (state === "waiting")
    for (const subscription of subscriptions.values()) if (subscription.state !== "refused") subscription.become("waiting");
  showStatus();
});

function showStatus() {
  const [state, text] =
    server.subscribe ? ["idle", "Nothing is open here"] :
    !subscriptions.size ? ["idle", "Not subscribed to anything"] :
    notifier.state === "connected" ? troubles[server.redis] ? ["lost", troubles[server.redis][0]] : ["connected", "Connected to WebSocket server"] :
    notifier.state === "waiting" ? ["waiting", "Can't connect to WebSocket server"] :
    notifier.state === "refused" ? ["refused", "WebSocket server refused"] :
    ["connecting", "Connecting to WebSocket server…"];
  if (status.textContent === text) return; // a live region is read aloud at every change
  status.className = state;
  status.textContent = text;
}

// What this visitor can do here, and whether Redis answers.
async function look() {
  clearTimeout(looking);
  const answer = looking && document.hidden ? undefined : await fetch("notifier-demo.json", { cache: "no-store", signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  const body = await answer?.json().catch(() => undefined);
  if (answer?.ok) offer(body);
  else if ([401, 403, 404].includes(answer?.status)) offer({ redis: "up", subscribe: body?.detail, publish: body?.detail, names: usual });
  looking = setTimeout(look, server.redis === "up" ? 3_000 : 1_000);
}
document.addEventListener("visibilitychange", () => document.hidden || look());

function offer(offered) {
  const before = server;
  server = offered;
  if (JSON.stringify(before) === JSON.stringify(server)) return;
  const { redis, subscribe: closed, publish: unpublishable, command, channel } = server;
  page.classList.toggle("closed", !!closed);
  for (const control of publish.elements) control.disabled = !!unpublishable;
  if (unpublishable || before.publish) say(unpublishable ? `Not allowed: ${unpublishable}` : "");
  if (channel !== before.channel) publish.elements.channel.value = channel ?? "";
  if (channel) show("command", command ?? `redis-cli publish ${channel} "Mathias signed up"`);
  document.getElementById("incomplete").hidden = !!command;
  const [title, text] = closed ? ["Nothing to show yet", `${closed[0].toUpperCase()}${closed.slice(1)}.`] : troubles[redis] ?? [];
  trouble.replaceChildren(...title ? [make("b", "", title), make("p", "", text)] : []);
  if (closed?.includes("Access:Anonymous:Subscribe")) trouble.append(make("code", "", "Access__Anonymous__Subscribe__0=notifications.*"));
  if (!closed && !hasBegun) for (const name of server.names) subscribe(name);
  hasBegun ||= !closed;
  showStatus();
}

// Draws once per frame, however many arrive: thousands a second must not freeze the page, nor accumulate in a hidden one.
function receive(subscription, { channel, data }) {
  const isEarlier = subscription.isBeginning;
  received++;
  if (!isEarlier) ofThisSecond++;
  add({ subscription, channel, data, isEarlier });
}

function mark(subscription, { code, lost }) {
  if (subscription) add({ subscription, gap: `${lost ?? "Some"} messages may be missing here (${code})` });
}

function add(entry) {
  entry.at = new Date();
  if (arrived.push(entry) === 1) requestAnimationFrame(draw);
  if (arrived.length > kept) arrived.shift();
}

function draw() {
  list.prepend(...arrived.reverse().map(notification));
  while (list.children.length > kept) list.lastElementChild.remove();
  arrived = [];
  count.textContent = received.toLocaleString();
}

// The HTML that makes another page show the names on screen. Spaces separate names, so a name with a space is omitted.
function showSnippets() {
  const shown = { pattern: [], channel: [] };
  for (const { name, kind, state } of subscriptions.values()) if (state !== "refused" && !name.includes(" ")) shown[kind].push(name);
  for (const [kind, all] of Object.entries(shown)) all.length ? toasts?.setAttribute(kind, all.join(" ")) : toasts?.removeAttribute(kind);
  show("snippet", snippet("notifier.js", shown));
  show("pinned", pinnedScript && snippet(pinnedScript.src, shown, pinnedScript.integrity));
}

// The toasts of the snippet, on this page and on its connection.
const preview = document.getElementById("preview");

preview.onclick = async () => {
  preview.ariaPressed = preview.ariaPressed !== "true";
  if (!document.getElementById("elements"))
    document.head.append(Object.assign(document.createElement("script"), { id: "elements", src: "notifier-elements.js" }));
  await customElements.whenDefined("notifier-toasts");
  toasts ??= Object.assign(document.createElement("notifier-toasts"), { notifier });
  preview.ariaPressed === "true" ? document.body.append(toasts) : toasts.remove();
  showSnippets();
};

// Once a second: how many messages arrived, and how long a ping takes.
function measure() {
  rates.shift();
  rates.push(ofThisSecond);
  ofThisSecond = 0;
  const most = Math.max(...rates), points = rates.map((rate, second) => `${second},${19 - 18 * rate / Math.max(most, 1)}`).join(" ");
  document.getElementById("line").setAttribute("points", points);
  document.getElementById("area").setAttribute("points", `0,20 ${points} 59,20`);
  show("rate", rates.at(-1).toLocaleString());
  show("most", most.toLocaleString());
  if (notifier.state === "connected" && !document.hidden) {
    pinged = { id: Math.random(), at: performance.now() };
    notifier.ping(pinged.id);
  } else show("ping", "–");
}
notifier.addEventListener("pong", ({ detail }) => {
  if (detail.id === pinged?.id) show("ping", `${(performance.now() - pinged.at).toFixed(1)} ms`);
});

form.onsubmit = event => {
  event.preventDefault();
  if (field.value.trim()) subscribe(field.value.trim());
  form.reset();
};

publish.onsubmit = async event => {
  event.preventDefault();
  const channel = publish.elements.channel.value;
  try {
    const answer = await fetch(`publish/${encodeURIComponent(channel)}`, { method: "POST", body: publish.elements.payload.value });
    const { detail, redisReceivers } = await answer.json().catch(() => ({}));
    const isHere = [...subscriptions.values()].some(subscription => subscription.covers(channel));
    const where = isHere ? "" : redisReceivers === 0 ? ", which has no subscribers" : ". This page is not subscribed to it";
    const offered = answer.ok && !isHere && !server.subscribe ? channel : "";
    // If publishing is not allowed, the server names the setting to change.
    say(answer.ok ? `Published on ${channel}${where}` : `Not published: ${detail ?? answer.status}`, !answer.ok, offered);
  } catch {
    say("Not published: the server cannot be reached", true);
  }
};

function say(text, isFailure, channel = "") {
  published.textContent = text;
  published.className = isFailure ? "failed" : "";
  follow.hidden = !channel;
  follow.value = channel;
  follow.textContent = `Subscribe to ${channel}`;
}

follow.onclick = () => {
  subscribe(follow.value);
  say(`Subscribed to ${follow.value}: publish again`);
  publish.querySelector("button").focus(); // the keyboard focus must not vanish with the button
};

await look();
measure();
setInterval(measure, 1_000);
pinnedScript = await fetch("notifier.json").then(answer => answer.json()).then(all => all["notifier.js"]).catch(() => undefined);
showSnippets();
