// Notifier's client: it reconnects, resubscribes and resumes by itself. Its API: notifier.d.ts
(() => {
  "use strict";

  // In ms:
  const SHORTEST = 500, LONGEST = 20_000; // the ceilings of the back-off
  const OPENING = 10_000; // until the welcome
  const SILENCE = 35_000; // the server pings every 25 s
  const CHECK = 5_000; // when the network or page is back
  const LASTED = 5_000; // shorter: a failure

  const FAILED = {}; // in place of a token
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

  // EventSource cannot send a token or report a status.
  function overEvents(base, on, token, names, positions) {
    const stop = new AbortController(), url = new URL("events", base), asked = [...names.keys()];
    for (const [key, { last }] of names) {
      const after = positions.get(key) ?? "";
      for (const pair of Object.entries({ ...JSON.parse(key), after, last: after ? "" : last ?? "" })) url.searchParams.append(...pair);
    }
    (async () => {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const get = credentials => fetch(url, { headers, signal: stop.signal, credentials, cache: "no-store" });
      const response = await get("include").catch(() => get()); // perhaps without cookies
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

  // One connection, and the names wanted on it.
  class Connection {
    #base; #receive; #positions; #names; #tokenSource; #token;
    #requested = new Map(); // by key: the id of the subscribe command
    #attempt; #transport; #isOpen; #isWelcome; #began; #lastFrameAt; #isSilent; #watchdog; #retry; #retryAfter; #state;
    #refused = new Set(); #failures = 0; #blocked = 0; #isRenewed = false; #id = 0; #closing = new AbortController();

    constructor(base, token, receive, positions, names) {
      [this.#base, this.#receive, this.#positions, this.#names] = [base, receive, positions, names];
      if (typeof token === "function") this.#tokenSource = token;
      else this.#token = Promise.resolve(token);
      const { signal } = this.#closing;
      globalThis.addEventListener("online", () => this.#check(true), { signal });
      globalThis.addEventListener("offline", () => this.#check(false), { signal });
      globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.#check(true), { signal });
    }

    // Once for many names.
    changed(released) {
      this.#positions.delete(released);
      queueMicrotask(() => !this.#closing.signal.aborted && (this.#attempt || !this.#names.size ? this.#sync() : this.connect()));
    }

    send(command) {
      if (this.#isOpen) this.#transport.send?.(command);
    }

    close() {
      this.#closing.abort();
      this.#disconnect();
      this.#setState("closed");
    }

    async connect() {
      if (this.#closing.signal.aborted) return;
      this.#disconnect();
      const attempt = this.#attempt = {};
      const ours = react => (...args) => this.#attempt === attempt && react(...args); // ignores older attempts
      if (this.#state !== "waiting") this.#setState("connecting");
      this.#began = this.#lastFrameAt = now();
      this.#watch(OPENING);
      const token = await this.#getToken();
      if (this.#attempt !== attempt) return;
      if (token === FAILED) return this.#end();
      try {
        this.#transport = (this.#blocked < 2 ? overWebSocket : overEvents)(this.#base, {
          open: ours(() => this.#opened(token)),
          frame: ours(frame => this.#handle(frame)),
          end: ours((code, reason, retryAfter) => this.#end(code, reason, retryAfter)),
        }, token, this.#names, this.#positions);
      } catch (error) {
        this.#end(4400, error.message); // ws: on a page of https:
      }
    }

    #opened(token) {
      this.#isOpen = true;
      if (this.#transport.asked) {
        for (const key of this.#transport.asked) this.#requested.set(key);
        this.#handle({ type: "welcome" });
      } else if (token) this.send({ type: "auth", token });
      this.#sync();
    }

    #sync() {
      if (!this.#isOpen) return;
      const dropped = [...this.#requested.keys()].filter(key => !this.#names.has(key));
      const added = [...this.#names.keys()].filter(key => !this.#requested.has(key));
      if (!this.#transport.send) return dropped.length + added.length && (this.#names.size ? this.connect() : this.#disconnect());
      for (const key of dropped) {
        this.#requested.delete(key);
        this.send({ type: "unsubscribe", ...JSON.parse(key) });
      }
      for (const key of added) {
        this.#requested.set(key, ++this.#id);
        const after = this.#positions.get(key);
        this.send({ type: "subscribe", ...JSON.parse(key), id: this.#id, after, last: after ? undefined : this.#names.get(key).last });
      }
    }

    #handle(frame) {
      const key = keyOf(frame), { type, code } = frame;
      this.#lastFrameAt = now();
      this.#isSilent = false;
      if (type === "ping") return;
      if (type === "welcome") {
        this.#isWelcome = true;
        this.#setState("connected");
      } else if (type === "closing") {
        this.#retryAfter = frame.retryAfter;
      } else if (type === "expiring") {
        this.#renew();
      } else if (type === "subscribed" || type === "error" && key !== "{}") {
        if (frame.id !== this.#requested.get(key)) return; // unsubscribed since
        if (type === "error") this.#refused.add(key);
        if (code === "overloaded") setTimeout(() => this.#retryRefused([key]), SHORTEST + Math.random() * LONGEST);
      } else if (type === "unsubscribed") {
        if (!code || !this.#requested.has(key)) return; // the page unsubscribed
        this.#refused.add(key);
      }
      if (frame.position && !this.#names.has(key)) return; // unsubscribed
      this.#receive(frame);
    }

    // 44xx: no retry. 46xx: after the given time. Others: with back-off.
    async #end(code, reason, retryAfter = /retryAfter=([\d.]+)/.exec(reason)?.[1] ?? this.#retryAfter) {
      const didNotOpen = this.#transport?.send && !this.#isWelcome && !(code >= 4000);
      if (this.#isWelcome && now() - this.#began > LASTED) this.#failures = this.#isRenewed = 0;
      this.#disconnect();
      const attempt = this.#attempt = {};
      if (code === 4401 && !this.#isRenewed && this.#tokenSource) {
        this.#isRenewed = true;
        this.#token = undefined;
        return this.connect();
      }
      const isRefused = /^44/.test(code);
      this.#setState(isRefused ? "refused" : "waiting");
      if (isRefused) return this.#receive({ type: "error", code, message: reason });
      // Event streams do not help if the server is not ready.
      if (didNotOpen) {
        const url = new URL("healthz/ready", this.#base);
        const { ok } = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(CHECK) }).catch(() => ({}));
        if (this.#attempt !== attempt) return;
        this.#blocked = ok ? this.#blocked + 1 : 0;
      }
      this.#retryAfter = +retryAfter;
      const ceiling = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
      this.#retry = setTimeout(() => this.connect(), this.#retryAfter > 0 ? this.#retryAfter * 1000 : Math.random() * ceiling);
    }

    #disconnect() {
      this.#attempt = this.#isOpen = this.#isWelcome = this.#retryAfter = undefined;
      this.#transport?.close();
      this.#transport = undefined;
      this.#requested.clear();
      this.#refused.clear();
      clearTimeout(this.#watchdog);
      clearTimeout(this.#retry);
      this.#retry = undefined;
    }

    // A timer for each frame would cost too much.
    #watch(limit, from = this.#lastFrameAt) {
      clearTimeout(this.#watchdog);
      this.#isSilent = true;
      this.#watchdog = setTimeout(() => this.#isSilent ? this.#end() : this.#watch(SILENCE), limit - (now() - from));
    }

    // When the network or page changes: tests the connection, or ends the wait.
    #check(isBack) {
      if (this.#isWelcome && this.#transport.send) {
        this.send({ type: "ping" });
        this.#watch(CHECK, now());
      } else if (isBack && this.#retry && !(this.#retryAfter > 0)) {
        this.#blocked = 0; // perhaps another network
        this.connect();
      }
    }

    // Kept: otherwise, after a restart, every page would request a token.
    async #getToken() {
      const token = this.#token ??= (async () => this.#tokenSource())();
      try {
        return await token;
      } catch (error) {
        if (this.#token === token) this.#token = undefined;
        this.#receive({ type: "error", code: "token", message: error.message });
        return FAILED;
      }
    }

    async #renew() {
      if (!this.#tokenSource) return;
      const attempt = this.#attempt;
      this.#token = undefined;
      const token = await this.#getToken();
      if (token === FAILED || this.#attempt !== attempt) return; // 4401 requests it again
      if (!this.#transport.send) return this.connect();
      this.send({ type: "auth", token });
      this.#retryRefused(this.#refused); // the token may allow them
    }

    #retryRefused(keys) {
      for (const key of keys) if (this.#refused.delete(key)) this.#requested.delete(key);
      this.#sync();
    }

    #setState(state) {
      this.#receive({ type: "state", state: this.#state = state });
    }
  }

  // The tab that has the lock, the leader, connects, and forwards frames to the others, which send it their names. When it closes,
  // the next has the lock, and resumes from the positions.
  class SharedConnection {
    #id = crypto.randomUUID(); #lock; #tabs; #leader; #joinStage; #receive; #names; #stop = new AbortController();
    #positions; // of all tabs, for the next leader
    #namesByTab = new Map(); // the leader's: the names of each tab
    #allNames = new Map(); // the leader's: the names of all tabs, by key
    #lastFrames = new Map(); // the leader's: frames for new tabs, by key

    constructor(base, token, receive, positions, names) {
      [this.#lock, this.#receive, this.#positions, this.#names] = [`notifier ${base}`, receive, positions, names];
      this.#tabs = new BroadcastChannel(this.#lock);
      this.#tabs.onmessage = ({ data }) => this.#onMessage(data);
      const { signal } = this.#stop, life = new Promise(resolve => signal.onabort = resolve);
      // When the leader gets this lock too, the tab is closed.
      navigator.locks.request(this.#lock + this.#id, () => {
        this.#joinStage = 1;
        this.#announce();
        return life;
      });
      navigator.locks.request(this.#lock, { signal }, () => {
        this.#leader = new Connection(base, token, frame => this.#broadcast(frame), positions, this.#allNames);
        this.#announce();
        this.#post({ isNew: true });
        return life;
      }).catch(() => {}); // closed while waiting
    }

    changed() {
      queueMicrotask(() => this.#announce());
    }

    send(command) {
      this.#callLeader("send", command);
    }

    connect() {
      this.#callLeader("connect");
    }

    close() {
      this.#stop.abort();
      this.#receive({ type: "state", state: "closed" });
      this.#leader?.close();
      this.#tabs.close();
    }

    #callLeader(method, argument) {
      this.#leader ? this.#leader[method](argument) : this.#post({ method, argument });
    }

    // All names: a leader may be new.
    #announce() {
      const names = [...this.#names].map(([key, { last }]) => ({ key, last, position: this.#positions.get(key) }));
      if (this.#leader) this.#setNames(this.#id, names);
      else if (this.#joinStage) this.#post({ tab: this.#id, names });
    }

    #onMessage({ isNew, tab, names, method, argument, frame, forget }) {
      if (tab === this.#id) this.#joinStage = 2; // until then, frames may be missing
      if (frame) return (tab ? tab === this.#id : this.#joinStage > 1) && this.#receive(frame);
      if (forget) this.#positions.delete(forget);
      else if (isNew) this.#announce();
      else if (!this.#leader) return;
      else if (method) this.#callLeader(method, argument);
      else {
        const before = this.#namesByTab.get(tab);
        if (!before) {
          navigator.locks.request(this.#lock + tab, () => this.#setNames(tab, []));
          this.#post({ tab, frame: this.#lastFrames.get("{}") });
        }
        for (const { key, position } of names) {
          const known = this.#positions.get(key), last = this.#lastFrames.get(key);
          if (!known && position) this.#positions.set(key, position);
          // If they differ, the tab missed messages.
          const frame = { ...last, position: known, recovered: before || !position ? undefined : position === known };
          if (last && !before?.some(name => name.key === key)) this.#post({ tab, frame });
        }
        this.#setNames(tab, names);
      }
    }

    #setNames(tab, names) {
      this.#namesByTab.set(tab, names);
      const before = [...this.#allNames.keys()];
      this.#allNames.clear();
      for (const name of [...this.#namesByTab.values()].flat()) if (!this.#allNames.has(name.key)) this.#allNames.set(name.key, name);
      for (const forget of before) {
        if (this.#allNames.has(forget)) continue;
        this.#post({ forget });
        this.#lastFrames.delete(forget);
        this.#positions.delete(forget);
      }
      this.#leader.changed();
    }

    #post(message) {
      if (!this.#stop.signal.aborted) this.#tabs.postMessage(message);
    }

    #broadcast(frame) {
      this.#post({ frame });
      if (frame.type === "subscribed" || frame.type === "state") this.#lastFrames.set(keyOf(frame), frame);
      this.#receive(frame);
    }
  }

  class Notifier extends EventTarget {
    #link;
    #names = new Map(); // by key: listeners, how many latest messages they want, positions seen
    #positions = new Map(); // by key: of the last message

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
        data: data ?? bytesOf(base64), // bytes that are not text
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
  const loadElements = () => {
    const isUsed = script.dataset.pattern ?? script.dataset.channel ?? document.querySelector("notifier-list, notifier-toasts");
    if (isUsed === null || customElements.get("notifier-list")) return;
    const elements = Object.assign(document.createElement("script"), { src: new URL("notifier-elements.js", script.src) });
    Object.assign(elements.dataset, script.dataset);
    document.head.append(elements);
  };
  if (script) document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", loadElements) : loadElements();
})();
