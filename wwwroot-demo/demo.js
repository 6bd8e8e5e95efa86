// The demo page. It uses the client that it advertises: one connection for all names (see notifier.js and docs/embedding.md).
import { make, notification } from "./notification.js";

const kept = 200; // notifications in the list
const latest = 20; // earlier messages requested per name
const atOnce = 500; // ms within which those arrive
const minute = 60; // seconds in the chart

const [status, form, field, names, list, count, publish, published] =
  ["status", "subscribe", "name", "names", "notifications", "count", "publish", "published"].map(id => document.getElementById(id));
const show = (id, text) => document.getElementById(id).textContent = text;
const notifier = new Notifier();
const subscriptions = new Map();
const rates = Array(minute).fill(0); // messages of each second
let subscribed = 0, received = 0, ofThisSecond = 0, arrived = [], pinged, pinnedScript, toasts;

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
    !subscriptions.size ? ["idle", "Not subscribed to anything"] :
    notifier.state === "connected" ? ["connected", "Connected to WebSocket server"] :
    notifier.state === "waiting" ? ["waiting", "Can't connect to WebSocket server"] :
    notifier.state === "refused" ? ["refused", "WebSocket server refused"] :
    ["connecting", "Connecting to WebSocket server…"];
  if (status.className === state) return; // a live region is read aloud at every change
  status.className = state;
  status.textContent = text;
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
  const data = Object.entries(shown).filter(([, all]) => all.length).map(([kind, all]) => `\n  data-${kind}="${escape(all.join(" "))}"`).join("");
  for (const [kind, all] of Object.entries(shown)) toasts?.setAttribute(kind, all.join(" "));
  show("snippet", `<script src="${new URL("notifier.js", location.href)}"${data}\n  data-toast></script>`);
  show("pinned", pinnedScript && `<script src="${new URL(pinnedScript.src, location.href)}"\n  integrity="${pinnedScript.integrity}"\n  crossorigin${data}\n  data-toast></script>`);
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

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

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
  const { channel, payload } = publish.elements;
  try {
    const answer = await fetch(`publish/${encodeURIComponent(channel.value)}`, { method: "POST", body: payload.value });
    const { detail } = answer.ok ? {} : await answer.json().catch(() => ({}));
    // If publishing is not allowed, the server names the setting to change.
    published.textContent = answer.ok ? `Published on ${channel.value}` : `Not published: ${detail ?? answer.status}`;
    published.className = answer.ok ? "" : "failed";
  } catch {
    published.textContent = "Not published: the server cannot be reached";
    published.className = "failed";
  }
};

for (const copy of document.querySelectorAll(".copy")) copy.onclick = async () => {
  const text = document.getElementById(copy.dataset.of);
  getSelection().selectAllChildren(text); // browsers allow the clipboard only on https and localhost
  const copied = await navigator.clipboard?.writeText(text.textContent).then(() => true, () => false);
  copy.textContent = copied ? "Copied" : "Selected";
  setTimeout(() => copy.textContent = "Copy", 2_000);
};

for (const name of ["new-users", "notifications.*"]) subscribe(name);
measure();
setInterval(measure, 1_000);
pinnedScript = await fetch("notifier.json").then(answer => answer.json()).then(all => all["notifier.js"]).catch(() => undefined);
showSnippets();
