// The page is made with the client that it advertises: one connection for all names (see notifier.js and docs/embedding.md).
const kept = 200; // notifications in the list
const latest = 20; // that are shown when a name is asked for
const atOnce = 500; // ms in which those come
const longest = 4000; // characters shown of one payload, which may be half a megabyte
const minute = 60; // seconds in the chart

const [status, form, field, names, list, count, publish, published] =
  ["status", "subscribe", "name", "names", "notifications", "count", "publish", "published"].map(id => document.getElementById(id));
const show = (id, text) => document.getElementById(id).textContent = text;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const notifier = new Notifier();
const subscriptions = new Map();
const rates = Array(minute).fill(0); // messages of each second
let subscribed = 0, received = 0, ofThisSecond = 0, arrived = [], pinged, pinnedScript, toasts;

class Subscription {
  #held; #since; #reason = make("span", "reason");

  constructor(name) {
    this.name = name;
    this.kind = /[*?[\\]/.test(name) ? "pattern" : "channel"; // as the plain text protocol has it
    this.hue = 165 + subscribed++ * 137.5; // the golden angle: neighbours differ, and none comes twice
    this.chip = make("li");
    this.chip.style.setProperty("--hue", this.hue);
    this.#reason.role = "alert";
    const remove = make("button", "", "×");
    remove.ariaLabel = `Unsubscribe from ${name}`;
    remove.onclick = () => this.leave();
    this.chip.append(make("span", "dot"), make("span", "name", name), remove, this.#reason);
  }

  ask() {
    this.#held?.close();
    this.become("connecting");
    this.#held = notifier[this.kind](this.name, message => receive(this, message), { last: latest });
  }

  begin() {
    this.#since ??= Date.now(); // later ones are what was missed
    this.become("connected");
  }

  /** Whether what comes now is of before, and its time nobody's knowledge. */
  get isBeginning() {
    const age = Date.now() - this.#since;
    return age >= 0 && age < atOnce;
  }

  leave() {
    this.#held.close();
    subscriptions.delete(this.name);
    const neighbour = this.chip.nextElementSibling ?? this.chip.previousElementSibling;
    (neighbour?.querySelector("button") ?? field).focus(); // the keyboard's place must not vanish with the button
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
  subscription.ask();
  showStatus();
}

const of = ({ detail }) => subscriptions.get(detail.pattern ?? detail.channel);
const refuse = event => of(event)?.become("refused", `${event.detail.message} (${event.detail.code})`);

notifier.addEventListener("subscribed", event => of(event)?.begin());
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

// Shown once a frame, however many arrive: thousands a second must not freeze the page, nor pile up in a hidden one.
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

function notification({ subscription: { name, kind, hue }, channel, data, gap, at, isEarlier }) {
  const item = make("li", gap ? "gap" : "");
  item.style.setProperty("--hue", hue);
  const time = make("time", "", isEarlier ? "earlier" : clock.format(at));
  if (!isEarlier) time.dateTime = at.toISOString();
  const text = gap ? make("p", "payload no-text", gap) : payload(data);
  const names = make("span", "names");
  if (kind === "pattern" && channel !== undefined) names.append(make("span", "channel", channel));
  names.append(make("span", "name", name));
  item.append(make("span", "dot"), text, names);
  if (/^\s*[{[]/.test(data)) item.append(formatting(text, data));
  item.append(time);
  return item;
}

// JSON is parsed when somebody wants to see it, not for each message.
function formatting(text, data) {
  const button = make("button", "format", "Format");
  const plain = text.textContent;
  text.classList.add("json");
  button.onclick = () => {
    const isFormatted = button.textContent === "Plain";
    try {
      text.textContent = isFormatted ? plain : JSON.stringify(JSON.parse(data), null, 2).slice(0, longest);
      button.textContent = isFormatted ? "Format" : "Plain";
      text.tabIndex = text.scrollHeight > text.clientHeight ? 0 : -1; // what can be scrolled can be by keyboard
    } catch {
      button.remove();
    }
  };
  return button;
}

function payload(data) {
  if (data === "") return make("p", "payload no-text", "(empty)");
  if (data instanceof Uint8Array) {
    const hex = Array.from(data.slice(0, 16), byte => byte.toString(16).padStart(2, "0")).join(" ");
    return make("p", "payload no-text", `(${data.length} bytes of binary data) ${hex}${data.length > 16 ? " …" : ""}`);
  }
  const text = make("p", "payload", data.length > longest ? `${data.slice(0, longest)}… (${data.length} characters)` : data);
  text.dir = "auto";
  return text;
}

// Names and payloads come from anybody who may publish: they are text, and never become HTML.
function make(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

// What a page of the visitor's own would say, for the names on screen. A space stands between names, so one with a space is left out.
function showSnippets() {
  const said = { pattern: [], channel: [] };
  for (const { name, kind, state } of subscriptions.values()) if (state !== "refused" && !name.includes(" ")) said[kind].push(name);
  const data = Object.entries(said).filter(([, all]) => all.length).map(([kind, all]) => `\n  data-${kind}="${escape(all.join(" "))}"`).join("");
  for (const [kind, all] of Object.entries(said)) toasts?.setAttribute(kind, all.join(" "));
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

// Once a second: how many came, and how long a ping takes.
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
    // The server names the key to set where nothing may be published.
    published.textContent = answer.ok ? `Published on ${channel.value}` : `Not published: ${detail ?? answer.status}`;
    published.className = answer.ok ? "" : "failed";
  } catch {
    published.textContent = "Not published: the server cannot be reached";
    published.className = "failed";
  }
};

for (const copy of document.querySelectorAll(".copy")) copy.onclick = async () => {
  const text = document.getElementById(copy.dataset.of);
  getSelection().selectAllChildren(text); // browsers give the clipboard to https and localhost only
  const copied = await navigator.clipboard?.writeText(text.textContent).then(() => true, () => false);
  copy.textContent = copied ? "Copied" : "Selected";
  setTimeout(() => copy.textContent = "Copy", 2_000);
};

for (const name of ["new-users", "notifications.*"]) subscribe(name);
measure();
setInterval(measure, 1_000);
pinnedScript = await fetch("notifier.json").then(answer => answer.json()).then(all => all["notifier.js"]).catch(() => undefined);
showSnippets();
