// The plain text protocol: a text frame sent is a name to subscribe to, a frame received is a bare payload. It does not
// say which name it matched, so here each name has a socket of its own, and closing that socket is unsubscribing.
const address = new URL("ws", location.href.replace(/^http/, "ws"));
const kept = 200; // notifications in the list
const longest = 4000; // characters shown of one payload, which may be half a megabyte

const [status, form, field, names, list, count, command, copy] =
  ["status", "subscribe", "name", "names", "notifications", "count", "command", "copy"].map(id => document.getElementById(id));
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const subscriptions = new Map();
let subscribed = 0, received = 0, arrived = [];

class Subscription {
  #socket; #retry; #failures = 0; #reason = make("span", "reason");

  constructor(name) {
    this.name = name;
    this.hue = 165 + subscribed++ * 137.5; // the golden angle: neighbours differ, and none comes twice
    this.chip = make("li");
    this.chip.style.setProperty("--hue", this.hue);
    this.#reason.role = "alert";
    const remove = make("button", "", "×");
    remove.ariaLabel = `Unsubscribe from ${name}`;
    remove.onclick = () => this.leave();
    this.chip.append(make("span", "dot"), make("span", "name", name), remove, this.#reason);
  }

  connect(state = "connecting") {
    const socket = this.#socket = new WebSocket(address);
    const patience = setTimeout(() => socket.close(), 10_000); // a server that hangs would keep us connecting for minutes
    let opened = Infinity;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      clearTimeout(patience);
      opened = performance.now();
      socket.send(this.name);
      this.#become("connected");
    };
    socket.onmessage = ({ data }) => receive(this, data);
    socket.onclose = ({ code, reason }) => {
      clearTimeout(patience);
      // Only a connection that lasted starts the back-off anew: a server may accept and close at once.
      if (performance.now() - opened > 5_000) this.#failures = 0;
      if (code >= 4400 && code <= 4499) this.#become("refused", `${reason || "The server refused this name"} (${code})`);
      else this.#connectLater(reason);
    };
    this.#become(state);
  }

  leave() {
    clearTimeout(this.#retry);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    subscriptions.delete(this.name);
    const neighbour = this.chip.nextElementSibling ?? this.chip.previousElementSibling;
    (neighbour?.querySelector("button") ?? field).focus(); // the keyboard's place must not vanish with the button
    this.chip.remove();
    showStatus();
  }

  // A server that goes away says when to come back, so as to spread its clients; otherwise they spread themselves.
  #connectLater(reason) {
    const told = 1000 * /retryAfter=([\d.]+)/.exec(reason)?.[1];
    const backOff = Math.min(500 * 2 ** this.#failures++, 10_000) * (1 - Math.random() / 2);
    this.#retry = setTimeout(() => this.connect("waiting"), told || backOff);
    this.#become("waiting");
  }

  #become(state, reason = "") {
    this.state = this.chip.className = state;
    this.#reason.textContent = reason;
    showStatus();
  }
}

function subscribe(name) {
  const subscription = subscriptions.get(name) ?? new Subscription(name);
  if (subscription.state && subscription.state !== "refused") return;
  subscriptions.set(name, subscription);
  names.append(subscription.chip);
  subscription.connect();
}

function showStatus() {
  const states = new Set([...subscriptions.values()].map(({ state }) => state));
  const [state, text] =
    states.has("connected") ? ["connected", "Connected to WebSocket server"] :
    states.has("waiting") ? ["waiting", "Can't connect to WebSocket server"] :
    states.has("connecting") ? ["connecting", "Connecting to WebSocket server…"] :
    ["idle", "Not subscribed to anything"];
  if (status.className === state) return; // a live region is read aloud at every change
  status.className = state;
  status.textContent = text;
}

// Shown once a frame, however many arrive: thousands a second must not freeze the page, nor pile up in a hidden one.
function receive({ name, hue }, data) {
  received++;
  if (arrived.push({ name, hue, data, at: new Date() }) === 1) requestAnimationFrame(show);
  if (arrived.length > kept) arrived.shift();
}

function show() {
  list.prepend(...arrived.reverse().map(notification));
  while (list.children.length > kept) list.lastElementChild.remove();
  arrived = [];
  count.textContent = received.toLocaleString();
}

function notification({ name, hue, data, at }) {
  const item = make("li");
  item.style.setProperty("--hue", hue);
  const time = make("time", "", clock.format(at));
  time.dateTime = at.toISOString();
  item.append(make("span", "dot"), payload(data), make("span", "name", name), time);
  return item;
}

function payload(data) {
  if (data === "") return make("p", "payload no-text", "(empty)");
  if (data instanceof ArrayBuffer) {
    const hex = Array.from(new Uint8Array(data).slice(0, 16), byte => byte.toString(16).padStart(2, "0")).join(" ");
    return make("p", "payload no-text", `(${data.byteLength} bytes of binary data) ${hex}${data.byteLength > 16 ? " …" : ""}`);
  }
  const text = make("p", "payload", data.length > longest ? `${data.slice(0, longest)}… (${data.length} characters)` : data);
  text.dir = "auto";
  return text;
}

// Names and payloads come from anybody who may publish: they are text, and never become HTML.
function make(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

form.onsubmit = event => {
  event.preventDefault();
  if (field.value.trim()) subscribe(field.value.trim());
  form.reset();
};

copy.onclick = async () => {
  getSelection().selectAllChildren(command); // browsers give the clipboard to https and localhost only
  const copied = await navigator.clipboard?.writeText(command.textContent).then(() => true, () => false);
  copy.textContent = copied ? "Copied" : "Selected";
  setTimeout(() => copy.textContent = "Copy", 2_000);
};

for (const name of ["new-users", "notifications.*"]) subscribe(name);
