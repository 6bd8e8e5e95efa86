// One item of the demo page's list of notifications: a message or a gap.
const longest = 4000; // characters shown of one payload, which may be half a megabyte
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function notification({ subscription: { name, kind, hue }, channel, data, gap, at, isEarlier }) {
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

// Parses JSON only on request, not for each message.
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

// Names and payloads come from any publisher: they are text, and never become HTML.
export function make(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}
