// Ready-made elements on Notifier's client: <notifier-list>, <notifier-toasts>, and <script data-pattern="..." data-toast>.
// docs/embedding.md has their attributes, parts and custom properties. Text only: a payload never becomes HTML.
(() => {
  "use strict";

  const MOVED = 100; // ms until an element that left the document is gone, and not only moved
  const CROWDED = 3_000; // ms that a toast stays at least, while others wait
  const BEAT = 250; // ms between looks at the age of toasts
  const QUEUE = 20; // toasts that wait

  const KINDS = ["channel", "pattern"];
  const script = document.currentScript;
  const pageScript = script?.pageScript ?? script; // the client sets it when it loads this file by itself
  const connections = new Map(); // elements with the same server share one
  const embedded = new Map(); // by what the attributes of a script tag say: that tag, and how to end it
  const warnings = new Set();

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
    .text { flex: 1; margin-block: 0.1875rem; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6; overflow: hidden; }
    .more { width: fit-content; margin: 0.5rem 0 0 auto; padding: 0.125rem 0.75rem; background: var(--surface); color: var(--muted);
      border: 1px solid var(--line); border-radius: var(--notifier-radius, 0.5rem); font-size: 0.8125rem; }
    .more:empty { display: none; }
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

  function warn(text) {
    if (warnings.has(text)) return;
    warnings.add(text);
    console.warn(`Notifier: ${text}`);
  }

  const textOf = ({ data }) => typeof data !== "string" ? `(${data.length} bytes)` : data.length > 1000 ? `${data.slice(0, 1000)}…` : data;
  const tell = (target, detail, type = "message") =>
    target.dispatchEvent(new CustomEvent(`notifier:${type}`, { detail, bubbles: true, composed: true }));

  // What the page's author wrote: an element, or a script tag.
  const tagOf = element => element.isOfScript ? "script" : element.localName;
  const attributeOf = (element, name) => element.isOfScript ? `data-${name === "src" ? "url" : name}` : name;

  // An invalid attribute counts as missing.
  function reject(element, name, advice) {
    const attribute = attributeOf(element, name);
    warn(`<${tagOf(element)} ${attribute}="${element.getAttribute(name)}"> is invalid: write ${advice.replace("=", attribute + "=")}`);
  }

  function number(element, name, usual, least, isWhole = true) {
    const text = element.getAttribute(name);
    if (text === null) return usual;
    if (text.trim() && text >= least && text < Infinity && !(isWhole && text % 1)) return +text;
    reject(element, name, `a ${isWhole ? "whole " : ""}number from ${least}, for example ="${usual || 20}"`);
    return usual;
  }

  // "false" is what some frameworks write.
  function flag(element, name, word = name) {
    const text = element.getAttribute(name) ?? "false";
    if (["", "true", "false", word].includes(text)) return text !== "false";
    reject(element, name, '="", or omit the attribute');
    return false;
  }

  const isPersistent = element => flag(element, "persist", "session");

  // The names are subscribed on the connection that makeOwn returns, or on one that elements share.
  function subscribe(element, targetOf, listener, options, makeOwn) {
    const shared = flag(element, "shared"), persist = isPersistent(element) && "session", names = [];
    for (const kind of KINDS) {
      const text = element.getAttribute(kind);
      if (text?.trim() === "") reject(element, kind, 'a name, for example ="news", or omit the attribute');
      for (const name of text?.split(/\s+/).filter(Boolean) ?? []) names.push([kind, name]);
    }
    if (!names.length) return warn(`<${tagOf(element)}> has no name to subscribe to: write, for example, ${attributeOf(element, "channel")}="news"`);
    const source = element.getAttribute("src") ?? pageScript?.src ?? ".";
    if (!URL.canParse(source, document.baseURI)) return reject(element, "src", 'the address of Notifier, for example ="https://notifier.example.com"');
    const url = new URL(source, document.baseURI).href;
    // As Notifier reads an address: its page, its script and its WebSocket are one server.
    const server = url.replace(/^ws/, "http").replace(/[?#].*/, "").replace(/\/(ws|[^/]*\.m?js)?$/, ""), key = `${server} ${shared} ${persist}`;
    const notifier = makeOwn?.(url, shared) ?? connections.get(key) ?? new Notifier(url, { shared, persist });
    if (!makeOwn) connections.set(key, notifier);
    for (const [kind, name] of names) notifier[kind](name, listener, options);
    const passGap = ({ detail }) => names.some(([kind, name]) => detail[kind] === name) && tell(targetOf(), detail, "gap");
    notifier.addEventListener("gap", passGap, { signal: options.signal });
  }

  // channel and pattern (each may hold several names, with spaces between), src, shared, persist, last, after, max, field (of a JSON payload).
  class Listening extends HTMLElement {
    static observedAttributes = [...KINDS, "src", "shared", "persist", "last", "after"];
    missed = 0; // messages that were not shown, because too many arrived
    #stop; #settings; #waiting = []; #shown; #notifier; #earlier = 0;

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
      this.#settings = undefined;
      this.#update();
    }

    get max() {
      return number(this, "max", this.usual, 1);
    }

    connectedCallback() {
      // A page that set it before this file was loaded has hidden the setter.
      const { notifier } = this;
      if (delete this.notifier && notifier) this.notifier = notifier;
      this.#update();
    }

    // Pages move elements: only one that stays away is gone.
    disconnectedCallback() {
      setTimeout(() => {
        if (this.isConnected) return;
        this.#stop?.abort();
        this.#settings = undefined;
      }, MOVED);
    }

    attributeChangedCallback() {
      this.#update();
    }

    // Once for several attributes.
    #update() {
      queueMicrotask(() => this.isConnected && this.#listen());
    }

    #listen() {
      const settings = JSON.stringify(Listening.observedAttributes.map(name => this.getAttribute(name)));
      if (this.#settings === settings) return;
      this.#settings = settings;
      const before = this.#stop, { signal } = this.#stop = new AbortController();
      const last = number(this, "last", 0, 0) || undefined, after = this.getAttribute("after");
      // A separate connection for earlier messages, because toasts of the same name must not show them.
      const makeOwn = (url, shared) => {
        const notifier = this.#notifier ?? new Notifier(url, { shared, signal });
        if (last) notifier.addEventListener("subscribed", () => this.#earlier = performance.now() + 500, { signal });
        return notifier;
      };
      if (last) this.items.replaceChildren();
      subscribe(this, () => this, message => this.#hear(message), { signal, last, after }, this.#notifier || last || after ? makeOwn : undefined);
      for (const type of ["visibilitychange", "pagehide", "beforeunload"]) addEventListener(type, () => this.turn?.(), { signal });
      before?.abort(); // after the above: a name that stays must not be unsubscribed meanwhile
      this.check();
    }

    // Draws once per frame, and only what is visible: thousands a second must not freeze the page.
    #hear(message) {
      tell(this, message);
      // Messages have no time of publication: it is now, except for the earlier ones that arrive at the start.
      const time = performance.now() < this.#earlier ? "" : ` · ${new Date().toLocaleTimeString()}`;
      if (this.#waiting.push([message, time]) > (this.room ?? this.max)) {
        this.#waiting.shift();
        this.missed++;
      }
      this.#shown ??= requestAnimationFrame(() => {
        this.#shown = undefined;
        for (const [each, at] of this.#waiting.splice(0)) this.show(each, this.#text(each), at);
      });
      if (document.hidden) this.turn?.(); // frames are drawn when the visitor is back
    }

    get waiting() {
      return this.#waiting.map(([message]) => this.#text(message));
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

  class List extends Listening {
    usual = 50;

    constructor() {
      super(ofList, "Notifications");
    }

    check() {
      return this.max;
    }

    show({ channel }, text, time) {
      const item = make("li", "item");
      item.append(make("p", "text", text), make("span", "channel", channel), make("time", "time", time));
      this.items.prepend(item);
      while (this.items.children.length > this.max) this.items.lastElementChild.remove();
    }
  }

  class Toasts extends Listening {
    static embed = embed;
    usual = 3; room = QUEUE;
    #queue = []; #more = make("p", "more"); #beat; #isRestored;

    constructor() {
      super(ofToasts, "Notifications");
      this.shadowRoot.append(this.#more);
      this.shadowRoot.addEventListener("keydown", ({ key, target }) => key === "Escape" && this.#dismiss(target.closest("li")));
    }

    get #life() {
      return number(this, "seconds", 8, 0, false) * 1000 || Infinity;
    }

    // Where persist keeps the toasts that the visitor has not seen: the page may end in the background, or while some wait.
    get #place() {
      return `notifier toasts ${[...KINDS, "src"].map(name => this.getAttribute(name))}`;
    }

    check() {
      if (!this.#isRestored && isPersistent(this)) try {
        this.#queue = JSON.parse(sessionStorage[this.#place] ?? "[]");
      } catch {} // forbidden, as in a sandboxed frame
      this.#isRestored = true;
      this.turn();
      return [this.max, this.#life];
    }

    #keep() {
      if (this.#isRestored && isPersistent(this)) try {
        const unseen = [...this.#queue, ...this.waiting].slice(-QUEUE);
        if (unseen.length) sessionStorage[this.#place] = JSON.stringify(unseen);
        else delete sessionStorage[this.#place];
      } catch {}
    }

    show(message, text) {
      if (this.#queue.push(text) > QUEUE) {
        this.#queue.shift();
        this.missed++;
      }
      this.turn();
    }

    // Removes toasts whose time is over, earlier if others wait, but none that has the pointer or the keyboard focus. In a background tab, all toasts wait.
    turn() {
      clearTimeout(this.#beat);
      if (document.hidden) return this.#keep();
      const { max, items, items: { children } } = this, now = performance.now(), life = this.#life;
      let crowd = this.#queue.length + children.length - max;
      for (const item of [...children]) {
        if (item.matches(":hover, :focus-within")) continue;
        // With seconds="0" a toast stays until it is dismissed, and the others wait.
        if (now - item.since >= (crowd-- > 0 && life < Infinity ? Math.min(life, CROWDED) : life)) item.remove();
      }
      while (this.#queue.length && children.length < max) items.append(this.#toast(this.#queue.shift(), now));
      if (!children.length) this.missed = 0;
      const more = this.#queue.length + this.missed;
      this.#more.textContent = more ? `+${more} more` : "";
      if (children.length) this.#beat = setTimeout(() => this.turn(), BEAT);
      this.#keep();
    }

    #toast(text, since) {
      const item = Object.assign(make("li", "toast"), { since }), close = make("button", "close", "×");
      close.type = "button";
      close.ariaLabel = `Dismiss: ${text.slice(0, 80)}`;
      close.onclick = () => this.#dismiss(item);
      item.append(make("p", "text", text), close);
      return item;
    }

    // The keyboard focus must not vanish with the toast.
    #dismiss(item) {
      const next = item?.nextElementSibling ?? item?.previousElementSibling;
      const hadFocus = item?.contains(this.shadowRoot.activeElement);
      item?.remove();
      this.turn();
      if (hadFocus) (next ?? this.items.firstElementChild)?.querySelector("button").focus();
    }
  }

  // What a script tag shows outlives the body, and with it the tag (htmx, Turbo). The script of a later body continues or replaces it.
  function embed(tag) {
    const { channel, pattern, toast, url, shared, persist, max, seconds, field } = tag?.dataset ?? {};
    if ((channel ?? pattern ?? toast) === undefined) return;
    const element = document.createElement(toast === undefined ? "script" : "notifier-toasts"), stop = new AbortController();
    for (const [name, value] of Object.entries({ src: url ?? tag.src, channel, pattern, shared, persist, max, seconds, field }))
      if (value !== undefined) element.setAttribute(name, value);
    element.isOfScript = true;
    const key = element.outerHTML, same = embedded.get(key);
    if (same) return void (same.tag = tag);
    for (const [other, before] of embedded) if (!before.tag.isConnected && embedded.delete(other)) before.end();
    stop.signal.onabort = () => element.remove();
    embedded.set(key, { tag, end: () => stop.abort() });
    if (toast !== undefined) document.documentElement.append(element);
    else {
      const target = () => document.body ?? document;
      subscribe(element, target, message => tell(target(), message), { signal: stop.signal });
    }
  }

  const start = () => {
    if (customElements.get("notifier-toasts")) return customElements.get("notifier-toasts").embed(pageScript); // executed again
    if (!globalThis.Notifier) return warn("notifier-elements.js needs notifier.js: load both");
    customElements.define("notifier-list", List);
    customElements.define("notifier-toasts", Toasts);
    embed(pageScript);
  };
  globalThis.Notifier || document.readyState === "complete" ? start() : addEventListener("load", start); // async: before the client
})();
