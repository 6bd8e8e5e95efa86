// Ready-made elements on Notifier's client: <notifier-list>, <notifier-toasts>, and <script data-pattern="..." data-toast>.
// docs/embedding.md has their attributes, parts and custom properties. Text only: a payload never becomes HTML.
(() => {
  "use strict";

  const script = document.currentScript;
  const connections = new Map(); // elements with the same server share one

  const common = `
    :host { font: 0.9375rem/1.4 var(--notifier-font, system-ui, sans-serif); color-scheme: light dark;
      --ink: var(--notifier-ink, light-dark(#14201c, #e4ece8)); --surface: var(--notifier-surface, light-dark(#fff, #17211d));
      --line: var(--notifier-line, light-dark(#cfd8d3, #35433d)); --muted: light-dark(#55655f, #9db0a8);
      --accent: var(--notifier-accent, light-dark(#0b6b57, #58cfab)); }
    ol { list-style: none; margin: 0; padding: 0; }
    .text { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--ink); }
    .channel, time { font-size: 0.8125rem; color: var(--muted); }`;
  const ofList = `
    :host { display: block; }
    li { padding: 0.5rem 0; border-bottom: 1px solid var(--line); }`;
  const ofToasts = `
    :host { position: fixed; z-index: 2147483000; inset: auto var(--notifier-inset, 1rem) var(--notifier-inset, 1rem) auto;
      width: min(var(--notifier-width, 22rem), calc(100vw - 2rem)); pointer-events: none; }
    li { display: flex; gap: 0.75rem; align-items: start; margin-top: 0.5rem; padding: 0.75rem 0.5rem 0.75rem 1rem;
      pointer-events: auto; background: var(--surface); border: 1px solid var(--line); border-left: 0.25rem solid var(--accent);
      border-radius: var(--notifier-radius, 0.5rem); box-shadow: 0 0.25rem 1rem rgb(0 0 0 / 0.18); }
    .text { flex: 1; max-height: 8rem; overflow: hidden; padding-block: 0.1875rem; }
    button { flex: none; width: 1.75rem; height: 1.75rem; border: 0; border-radius: 50%; background: none; color: var(--muted);
      font: inherit; font-size: 1.125rem; line-height: 1; cursor: pointer; }
    button:focus-visible { outline: 2px solid var(--accent); }
    @media (prefers-reduced-motion: no-preference) {
      li { animation: come 0.25s ease-out; }
      @keyframes come { from { opacity: 0; translate: 0 0.5rem; } }
    }`;

  // A Content-Security-Policy may forbid <style>, but not style sheets that a script constructs.
  function sheet(css) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    return made;
  }

  function make(tag, part, text = "") {
    const made = Object.assign(document.createElement(tag), { className: part, textContent: text });
    made.part = part;
    return made;
  }

  const textOf = ({ data }) => typeof data !== "string" ? `(${data.length} bytes)` : data.length > 1000 ? `${data.slice(0, 1000)}…` : data;
  const tell = (target, message) =>
    target.dispatchEvent(new CustomEvent("notifier:message", { detail: message, bubbles: true, composed: true }));

  function connection(url, shared) {
    const key = `${url} ${shared}`;
    if (!connections.has(key)) connections.set(key, new Notifier(url, { shared }));
    return connections.get(key);
  }

  // channel and pattern (each may hold several names, with spaces between), src, shared, last, after, max, field (of a JSON payload).
  class Listening extends HTMLElement {
    static observedAttributes = ["channel", "pattern", "src", "shared", "last", "after"];
    #stop; #waiting = []; #shown; #notifier; #earlier = 0;

    constructor(css, role) {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet(common), sheet(css)];
      this.items = make("ol", "list");
      this.items.setAttribute("aria-live", "polite");
      this.items.setAttribute("aria-relevant", "additions");
      this.items.setAttribute("aria-label", role);
      this.shadowRoot.append(this.items);
    }

    /** The page's own Notifier, for example one with a token. */
    set notifier(notifier) {
      this.#notifier = notifier;
      this.#listen();
    }

    get max() {
      return Math.max(1, this.getAttribute("max") || this.usual);
    }

    connectedCallback() {
      this.#listen();
    }

    disconnectedCallback() {
      this.#stop?.abort();
    }

    attributeChangedCallback() {
      this.#listen();
    }

    #listen() {
      this.#stop?.abort();
      if (!this.isConnected) return;
      this.#stop = new AbortController();
      const { signal } = this.#stop, hear = message => this.#hear(message);
      const url = new URL(this.getAttribute("src") ?? script?.src ?? ".", document.baseURI).href;
      const shared = this.hasAttribute("shared"), last = +this.getAttribute("last") || undefined, after = this.getAttribute("after");
      // A separate connection for earlier messages, because toasts of the same name must not show them.
      const notifier = this.#notifier ?? (last || after ? new Notifier(url, { shared, signal }) : connection(url, shared));
      if (last) {
        this.items.replaceChildren();
        notifier.addEventListener("subscribed", () => this.#earlier = performance.now() + 500, { signal });
      }
      for (const kind of ["channel", "pattern"])
        for (const name of this.getAttribute(kind)?.split(" ").filter(Boolean) ?? []) notifier[kind](name, hear, { signal, last, after });
    }

    // Draws once per frame, and only what is visible: thousands a second must not freeze the page.
    #hear(message) {
      tell(this, message);
      // Messages have no time of publication: it is now, except for the earlier ones that arrive at the start.
      const time = performance.now() < this.#earlier ? "" : ` · ${new Date().toLocaleTimeString()}`;
      if (this.#waiting.push([message, time]) > this.max) this.#waiting.shift();
      this.#shown ??= requestAnimationFrame(() => {
        this.#shown = undefined;
        for (const [each, at] of this.#waiting.splice(0)) this.show(each, this.#text(each), at);
      });
    }

    #text(message) {
      const field = this.getAttribute("field");
      try {
        return field ? `${message.json()[field] ?? textOf(message)}` : textOf(message);
      } catch {
        return textOf(message);
      }
    }
  }

  customElements.define("notifier-list", class extends Listening {
    usual = 50;

    constructor() {
      super(ofList, "Notifications");
    }

    show({ channel }, text, time) {
      const item = make("li", "item");
      item.append(make("p", "text", text), make("span", "channel", channel), make("time", "time", time));
      this.items.prepend(item);
      while (this.items.children.length > this.max) this.items.lastElementChild.remove();
    }
  });

  customElements.define("notifier-toasts", class extends Listening {
    usual = 3;

    constructor() {
      super(ofToasts, "Notifications");
      this.shadowRoot.addEventListener("keydown", ({ key, target }) => key === "Escape" && this.#dismiss(target.closest("li")));
    }

    show(message, text) {
      const item = make("li", "toast"), close = make("button", "close", "×");
      close.type = "button";
      close.ariaLabel = `Dismiss: ${text.slice(0, 80)}`;
      close.onclick = () => this.#dismiss(item);
      item.append(make("p", "text", text), close);
      this.items.append(item);
      while (this.items.children.length > this.max) this.items.firstElementChild.remove();
      this.#go(item, (this.getAttribute("seconds") || 8) * 1000);
    }

    // Not while the pointer or the keyboard focus is on the toast.
    #go(item, after) {
      if (!(after > 0)) return;
      setTimeout(() => item.matches(":hover, :focus-within") ? this.#go(item, 1000) : item.remove(), after);
    }

    // The keyboard focus must not vanish with the toast.
    #dismiss(item) {
      const next = item?.nextElementSibling ?? item?.previousElementSibling;
      const hadFocus = item?.contains(this.shadowRoot.activeElement);
      item?.remove();
      if (hadFocus) next?.querySelector("button").focus();
    }
  });

  const { url, channel, pattern, toast, shared, max, seconds, field } = script?.dataset ?? {};
  const begin = () => {
    const own = { src: url, channel, pattern, shared, max, seconds, field };
    if (toast !== undefined) {
      const toasts = document.createElement("notifier-toasts");
      for (const [name, value] of Object.entries(own)) if (value !== undefined) toasts.setAttribute(name, value);
      document.body.append(toasts);
    } else {
      const notifier = connection(new URL(url ?? script.src, document.baseURI).href, shared !== undefined);
      for (const [kind, names] of Object.entries({ channel, pattern }))
        for (const name of names?.split(" ").filter(Boolean) ?? []) notifier[kind](name, message => tell(document.body, message));
    }
  };
  if (channel ?? pattern) document.body ? begin() : addEventListener("DOMContentLoaded", begin);
})();
