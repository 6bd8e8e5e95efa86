// Notifier's client: it reconnects, resubscribes and resumes by itself. Its API: notifier.d.ts
(() => {
  "use strict";

  // In ms:
  const SHORTEST = 500, LONGEST = 20_000; // the ceilings of the back-off
  const OPENING = 10_000; // until we are welcome
  const SILENCE = 35_000; // it says something every 25 s
  const CHECK = 5_000; // for an answer when network or page come back
  const LASTED = 5_000; // or a server accepts, and closes at once

  const FAILED = {}; // no token
  const script = globalThis.document?.currentScript;
  const now = () => performance.now();

  // A name is {channel} or {pattern}; its key, that as JSON.
  const keyOf = ({ channel, pattern }) => JSON.stringify(pattern === undefined ? { channel } : { pattern });
  const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt(0));

  function overWebSocket(base, on) {
    const socket = new WebSocket(new URL("ws", base).href.replace("http", "ws"), "notifier.v1");
    socket.onopen = on.open;
    socket.onmessage = ({ data }) => on.frame(JSON.parse(data));
    socket.onclose = ({ code, reason }) => on.end(code, reason);
    return {
      send: command => socket.send(JSON.stringify(command)),
      close: () => socket.close(),
    };
  }

  // EventSource sends no token and tells no status.
  function overEvents(base, on, token, names, positions) {
    const stop = new AbortController(), url = new URL("events", base), asked = [...names.keys()];
    for (const [key, { last }] of names) {
      const after = positions.get(key) ?? "";
      for (const pair of Object.entries({ ...JSON.parse(key), after, last: after ? "" : last ?? "" })) url.searchParams.append(...pair);
    }
    (async () => {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const response = await fetch(url, { headers, signal: stop.signal, credentials: "include", cache: "no-store" });
      if (!response.ok) {
        const { detail } = await response.json().catch(() => ({}));
        return on.end([400, 401, 403].includes(response.status) ? 4000 + response.status : 0, detail, response.headers.get("Retry-After"));
      }
      on.open();
      let text = "", retry;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let chunk; !(chunk = await reader.read()).done;) {
        on.frame({ type: "ping" }); // a comment is a sign of life
        const events = (text + chunk.value).split("\n\n");
        text = events.pop();
        for (const line of events.join("\n").split("\n")) {
          if (line.startsWith("retry: ")) retry = line.slice(7) / 1000;
          if (line.startsWith("data: ")) on.frame(JSON.parse(line.slice(6)));
        }
      }
      on.end(0, "", retry);
    })().catch(() => on.end());
    return { asked, close: () => stop.abort() };
  }

  // One connection, and what is wanted on it.
  class Connection {
    #base; #receive; #positions; #names; #source; #token;
    #asked = new Map(); // keys asked for on this line, and with which id
    #attempt; #line; #isOpen; #isWelcome; #began; #heard; #isSilent; #watchdog; #retry; #told; #state;
    #refused = new Set(); #failures = 0; #blocked = 0; #renewed = false; #id = 0; #gone = new AbortController();

    constructor(base, token, receive, positions, names) {
      [this.#base, this.#receive, this.#positions, this.#names] = [base, receive, positions, names];
      if (typeof token === "function") this.#source = token;
      else this.#token = Promise.resolve(token);
      const { signal } = this.#gone;
      globalThis.addEventListener("online", () => this.#check(true), { signal });
      globalThis.addEventListener("offline", () => this.#check(false), { signal });
      globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.#check(true), { signal });
    }

    // Once, however many names change in a moment.
    changed(released) {
      this.#positions.delete(released);
      queueMicrotask(() => !this.#gone.signal.aborted && (this.#attempt || !this.#names.size ? this.#sync() : this.connect()));
    }

    send(command) {
      if (this.#isOpen) this.#line.send?.(command);
    }

    close() {
      this.#gone.abort();
      this.#leave();
      this.#become("closed");
    }

    async connect() {
      if (this.#gone.signal.aborted) return;
      this.#leave();
      const attempt = this.#attempt = {};
      const ours = react => (...args) => this.#attempt === attempt && react(...args); // not an older line's
      if (this.#state !== "waiting") this.#become("connecting");
      this.#began = this.#heard = now();
      this.#watch(OPENING);
      const token = await this.#getToken();
      if (this.#attempt !== attempt) return;
      if (token === FAILED) return this.#end();
      try {
        this.#line = (this.#blocked < 2 ? overWebSocket : overEvents)(this.#base, {
          open: ours(() => this.#opened(token)),
          frame: ours(frame => this.#take(frame)),
          end: ours((code, reason, retryAfter) => this.#end(code, reason, retryAfter)),
        }, token, this.#names, this.#positions);
      } catch (error) {
        this.#end(4400, error.message); // ws: on a page of https:
      }
    }

    #opened(token) {
      this.#isOpen = true;
      if (this.#line.asked) {
        for (const key of this.#line.asked) this.#asked.set(key);
        this.#take({ type: "welcome" });
      } else if (token) this.send({ type: "auth", token });
      this.#sync();
    }

    #sync() {
      if (!this.#isOpen) return;
      const dropped = [...this.#asked.keys()].filter(key => !this.#names.has(key));
      const added = [...this.#names.keys()].filter(key => !this.#asked.has(key));
      if (!this.#line.send) return dropped.length + added.length && (this.#names.size ? this.connect() : this.#leave());
      for (const key of dropped) {
        this.#asked.delete(key);
        this.send({ type: "unsubscribe", ...JSON.parse(key) });
      }
      for (const key of added) {
        this.#asked.set(key, ++this.#id);
        const after = this.#positions.get(key);
        this.send({ type: "subscribe", ...JSON.parse(key), id: this.#id, after, last: after ? undefined : this.#names.get(key).last });
      }
    }

    #take(frame) {
      const key = keyOf(frame), { type, code } = frame;
      this.#heard = now();
      this.#isSilent = false;
      if (type === "ping") return;
      if (type === "welcome") {
        this.#isWelcome = true;
        this.#become("connected");
      } else if (type === "closing") {
        this.#told = frame.retryAfter;
      } else if (type === "expiring") {
        this.#renew();
      } else if (type === "subscribed" || type === "error" && key !== "{}") {
        if (frame.id !== this.#asked.get(key)) return; // taken back since
        if (type === "error") this.#refused.add(key);
        if (code === "overloaded") setTimeout(() => this.#askAgain([key]), SHORTEST + Math.random() * LONGEST);
      } else if (type === "unsubscribed") {
        if (!code || !this.#asked.has(key)) return; // our own wish
        this.#refused.add(key);
      }
      if (frame.position && !this.#names.has(key)) return; // given up
      this.#receive(frame);
    }

    // 44xx: not again unchanged. 46xx: when told. All else: with back-off.
    async #end(code, reason, retryAfter = /retryAfter=([\d.]+)/.exec(reason)?.[1] ?? this.#told) {
      const didNotOpen = this.#line?.send && !this.#isWelcome && !(code >= 4000);
      if (this.#isWelcome && now() - this.#began > LASTED) this.#failures = this.#renewed = 0;
      this.#leave();
      const attempt = this.#attempt = {};
      if (code === 4401 && !this.#renewed && this.#source) {
        this.#renewed = true;
        this.#token = undefined;
        return this.connect();
      }
      const isRefused = /^44/.test(code);
      this.#become(isRefused ? "refused" : "waiting");
      if (isRefused) return this.#receive({ type: "error", code, message: reason });
      // Event streams do not help a server that is overloaded.
      if (didNotOpen) {
        const url = new URL("healthz/ready", this.#base);
        const { ok } = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(CHECK) }).catch(() => ({}));
        if (this.#attempt !== attempt) return;
        this.#blocked = ok ? this.#blocked + 1 : 0;
      }
      this.#told = +retryAfter;
      const ceiling = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
      this.#retry = setTimeout(() => this.connect(), this.#told > 0 ? this.#told * 1000 : Math.random() * ceiling);
    }

    #leave() {
      this.#attempt = this.#isOpen = this.#isWelcome = this.#told = undefined;
      this.#line?.close();
      this.#line = undefined;
      this.#asked.clear();
      this.#refused.clear();
      clearTimeout(this.#watchdog);
      clearTimeout(this.#retry);
      this.#retry = undefined;
    }

    // A timer for each frame would cost too much.
    #watch(limit, from = this.#heard) {
      clearTimeout(this.#watchdog);
      this.#isSilent = true;
      this.#watchdog = setTimeout(() => this.#isSilent ? this.#end() : this.#watch(SILENCE), limit - (now() - from));
    }

    // Network or page came or went: is it still connected, and why wait longer?
    #check(isBack) {
      if (this.#isWelcome && this.#line.send) {
        this.send({ type: "ping" });
        this.#watch(CHECK, now());
      } else if (isBack && this.#retry && !(this.#told > 0)) {
        this.#blocked = 0; // another network, perhaps
        this.connect();
      }
    }

    // Kept: a server that restarts is not to make every page ask for one.
    async #getToken() {
      const token = this.#token ??= (async () => this.#source())();
      try {
        return await token;
      } catch (error) {
        if (this.#token === token) this.#token = undefined;
        this.#receive({ type: "error", code: "token", message: error.message });
        return FAILED;
      }
    }

    async #renew() {
      if (!this.#source) return;
      const attempt = this.#attempt;
      this.#token = undefined;
      const token = await this.#getToken();
      if (token === FAILED || this.#attempt !== attempt) return; // 4401 will ask once more
      if (!this.#line.send) return this.connect();
      this.send({ type: "auth", token });
      this.#askAgain(this.#refused); // it may allow more
    }

    #askAgain(keys) {
      for (const key of keys) if (this.#refused.delete(key)) this.#asked.delete(key);
      this.#sync();
    }

    #become(state) {
      this.#receive({ type: "state", state: this.#state = state });
    }
  }

  // Of all tabs, the one that has the lock connects, and passes on what comes; the others tell it their names. When it ends, the
  // next has the lock, and goes on where each was read to.
  class SharedConnection {
    #id = crypto.randomUUID(); #lock; #tabs; #leader; #isKnown; #receive; #names; #stop = new AbortController();
    #positions; // of all tabs, for who leads next
    #held = new Map(); // the leader's: the names of each tab
    #all = new Map(); // the leader's: the names of all, by their key
    #said = new Map(); // the leader's: what tabs that come later need to hear

    constructor(base, token, receive, positions, names) {
      [this.#lock, this.#receive, this.#positions, this.#names] = [`notifier ${base}`, receive, positions, names];
      this.#tabs = new BroadcastChannel(this.#lock);
      this.#tabs.onmessage = ({ data }) => this.#heard(data);
      const { signal } = this.#stop, life = new Promise(resolve => signal.onabort = resolve);
      // By it the leader knows that this tab lives.
      navigator.locks.request(this.#lock + this.#id, () => {
        this.#isKnown = 1;
        this.#tell();
        return life;
      });
      navigator.locks.request(this.#lock, { signal }, () => {
        this.#leader = new Connection(base, token, frame => this.#pass(frame), positions, this.#all);
        this.#tell();
        this.#post({ isNew: true });
        return life;
      }).catch(() => {}); // closed before
    }

    changed() {
      queueMicrotask(() => this.#tell());
    }

    send(command) {
      this.#ask("send", command);
    }

    connect() {
      this.#ask("connect");
    }

    close() {
      this.#stop.abort();
      this.#receive({ type: "state", state: "closed" });
      this.#leader?.close();
      this.#tabs.close();
    }

    #ask(method, argument) {
      this.#leader ? this.#leader[method](argument) : this.#post({ method, argument });
    }

    // All: nothing is lost with a leader.
    #tell() {
      const names = [...this.#names].map(([key, { last }]) => ({ key, last, position: this.#positions.get(key) }));
      if (this.#leader) this.#holds(this.#id, names);
      else if (this.#isKnown) this.#post({ tab: this.#id, names });
    }

    #heard({ isNew, tab, names, method, argument, frame, forget }) {
      if (tab === this.#id) this.#isKnown = 2; // before, some may be missing
      if (frame) return (tab ? tab === this.#id : this.#isKnown > 1) && this.#receive(frame);
      if (forget) this.#positions.delete(forget);
      else if (isNew) this.#tell();
      else if (!this.#leader) return;
      else if (method) this.#ask(method, argument);
      else {
        const before = this.#held.get(tab);
        if (!before) {
          navigator.locks.request(this.#lock + tab, () => this.#holds(tab, []));
          this.#post({ tab, frame: this.#said.get("{}") });
        }
        for (const { key, position } of names) {
          const known = this.#positions.get(key), said = this.#said.get(key);
          if (!known && position) this.#positions.set(key, position);
          // If not, messages have passed it by.
          const frame = { ...said, position: known, recovered: before || !position ? undefined : position === known };
          if (said && !before?.some(name => name.key === key)) this.#post({ tab, frame });
        }
        this.#holds(tab, names);
      }
    }

    #holds(tab, names) {
      this.#held.set(tab, names);
      const before = [...this.#all.keys()];
      this.#all.clear();
      for (const name of [...this.#held.values()].flat()) if (!this.#all.has(name.key)) this.#all.set(name.key, name);
      for (const forget of before) {
        if (this.#all.has(forget)) continue;
        this.#post({ forget });
        this.#said.delete(forget);
        this.#positions.delete(forget);
      }
      this.#leader.changed();
    }

    #post(message) {
      if (!this.#stop.signal.aborted) this.#tabs.postMessage(message);
    }

    #pass(frame) {
      this.#post({ frame });
      if (frame.type === "subscribed" || frame.type === "state") this.#said.set(keyOf(frame), frame);
      this.#receive(frame);
    }
  }

  class Notifier extends EventTarget {
    #link;
    #names = new Map(); // by key: listeners, how many of the last they want, positions seen
    #positions = new Map(); // by key: how far it was read

    constructor(url = script?.src ?? location.href, { token, shared, persist, signal } = {}) {
      super();
      const base = new URL(url, globalThis.document?.baseURI ?? location.href);
      base.protocol = base.protocol.replace("ws", "http");
      base.search = base.hash = "";
      base.pathname = base.pathname.replace(/\/(ws|[^/]*\.m?js)?$/, "") + "/";
      if (shared && !navigator.locks) console.warn("Notifier: shared needs https");
      if (persist) {
        const place = `notifier ${base}`;
        this.#positions = new Map(JSON.parse(sessionStorage[place] ?? "[]"));
        addEventListener("pagehide", () => {
          sessionStorage[place] = JSON.stringify([...this.#positions].filter(([key]) => this.#names.has(key)));
        });
      }
      const Link = shared && navigator.locks ? SharedConnection : Connection;
      this.#link = new Link(base.href, token, frame => this.#receive(frame), this.#positions, this.#names);
      signal?.aborted ? this.close() : signal?.addEventListener("abort", () => this.close(), { once: true });
    }

    channel(name, listener, options) {
      return this.#listen({ channel: `${name}` }, listener, options);
    }

    pattern(glob, listener, options) {
      return this.#listen({ pattern: `${glob}` }, listener, options);
    }

    connect() {
      this.#link.connect();
    }

    ping(id) {
      this.#link.send({ type: "ping", id });
    }

    close() {
      this.#names.clear();
      this.#link.close();
    }

    [Symbol.dispose ?? Symbol()]() {
      this.close();
    }

    #listen(name, listener, { signal, last, after } = {}) {
      const key = keyOf(name), entry = { listener };
      const close = () => {
        const all = this.#names.get(key)?.listeners;
        if (!all?.delete(entry) || all.size) return;
        this.#names.delete(key);
        this.#link.changed(key);
      };
      if (this.state !== "closed" && !signal?.aborted) {
        if (!this.#names.has(key)) {
          this.#names.set(key, { last, listeners: new Set(), seen: new Set() });
          if (after) this.#positions.set(key, after);
        }
        this.#names.get(key).listeners.add(entry);
        this.#link.changed();
        signal?.addEventListener("abort", close, { once: true });
      }
      return { ...name, close, [Symbol.dispose ?? Symbol()]: close };
    }

    #receive(frame) {
      const { type, position } = frame, key = keyOf(frame);
      if (position) this.#positions.set(key, position);
      if (type === "message") return this.#deliver(frame, this.#names.get(key));
      if (type === "state") {
        if (this.state === frame.state) return;
        this.state = frame.state;
      }
      if (key === "{}" || this.#names.has(key)) this.dispatchEvent(new CustomEvent(type, { detail: frame }));
      if (frame.recovered === false) this.#receive({ type: "gap", ...JSON.parse(key), code: "notRecovered" });
    }

    #deliver({ channel, channelBase64, pattern, data, base64, position }, name) {
      if (!name || name.seen.has(position)) return;
      if (position && name.seen.add(position).size > 1000) name.seen.delete(name.seen.values().next().value);
      const message = {
        channel: channel ?? new TextDecoder().decode(bytesOf(channelBase64)),
        pattern,
        data: data ?? bytesOf(base64), // bytes that are no text
        json: () => JSON.parse(message.data),
        position,
      };
      for (const { listener } of name.listeners) {
        try {
          listener(message);
        } catch (error) {
          reportError(error);
        }
      }
    }
  }

  globalThis.Notifier = Notifier;

  // For <script data-pattern="..." data-toast>, or an element in the page.
  const look = () => {
    const isUsed = script.dataset.pattern ?? script.dataset.channel ?? document.querySelector("notifier-list, notifier-toasts");
    if (isUsed === null || customElements.get("notifier-list")) return;
    const elements = Object.assign(document.createElement("script"), { src: new URL("notifier-elements.js", script.src) });
    Object.assign(elements.dataset, script.dataset);
    document.head.append(elements);
  };
  if (script) document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", look) : look();
})();
