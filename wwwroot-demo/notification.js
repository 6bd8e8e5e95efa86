// What the demo page makes of messages and names: items of its list (a message or a gap), and HTML to copy.
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

/** The HTML that shows toasts of these names: { pattern, channel }. */
export function snippet(src, names, integrity) {
  const data = Object.entries(names).filter(([, all]) => all.length).map(([kind, all]) => `\n  data-${kind}="${escape(all.join(" "))}"`).join("");
  const pinned = integrity ? `\n  integrity="${integrity}"\n  crossorigin` : "";
  return `<script async src="${new URL(src, location.href)}"${pinned}${data}\n  data-toast></script>`;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

// Browsers allow the clipboard only on https and localhost: elsewhere, the text is selected.
for (const copy of document.querySelectorAll(".copy")) copy.onclick = async () => {
  const text = document.getElementById(copy.dataset.of);
  getSelection().selectAllChildren(text);
  const copied = await navigator.clipboard?.writeText(text.textContent).then(() => true, () => false);
  copy.textContent = copied ? "Copied" : "Selected";
  setTimeout(() => copy.textContent = "Copy", 2_000);
};

/** Whether Redis' pattern matches the channel. By characters, where Redis compares bytes. */
export function matches(pattern, channel) {
  const quote = text => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const source = pattern.replace(/\\(.)|\[(\^?)((?:\\.|[^\]])*)\]|\*|\?|./gs, (all, escaped, not, set) =>
    all === "*" ? ".*" : all === "?" ? "." : set !== undefined ? `[${not}${quote(set.replace(/\\(.)/gs, "$1"))}]` : quote(escaped ?? all));
  try {
    return new RegExp(`^${source}$`, "s").test(channel);
  } catch {
    return false; // such as [z-a], which Redis turns around
  }
}
