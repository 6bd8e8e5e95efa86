// Notifier's client: it reconnects, resubscribes and resumes by itself. See docs/embedding.md and, for its API, notifier.d.ts.
//     new Notifier("https://notifier.example.com").pattern("notifications.*", message => console.log(message.data));
(() => {
  "use strict";

  const SHORTEST = 500, LONGEST = 20_000; // ms: the ceilings of the back-off
  const OPENING = 10_000; // ms until we are welcome
  const SILENCE = 35_000; // ms: it says something every 25 s
  const CHECK = 5_000; // ms for an answer when network or page come back
  const LASTED = 5_000; // ms: a server may accept, and close at once

  const script = globalThis.document?.currentScript;
  const now = () => performance.now();

  // A name is {channel} or {pattern}, and its key that as JSON.
  const keyOf = ({ channel, pattern }) => JSON.stringify(pattern === undefined ? { channel } : { pattern });
  const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt(0));

  function overWebSocket(base, token, names, on) {
    const socket = new WebSocket(new URL("ws", base).href.replace(/^http/, "ws"), "notifier.v1");
    socket.onopen = on.open;
    socket.onmessage = ({ data }) => on.frame(JSON.parse(data));
    socket.onclose = ({ code, reason }) => on.end(code, reason);
    return {
      send: command => socket.send(JSON.stringify(command)),
      close: () => socket.close(),
    };
  }

  // An EventSource sends no token, tells no status, and reconnects in its own way.
  function overEvents(base, token, names, on) {
    const stop = new AbortController(), url = new URL("events", base);
    for (const [key, position] of names) {
      for (const [kind, text] of Object.entries(JSON.parse(key))) url.searchParams.append(kind, text);
      url.searchParams.append("after", position ?? "");
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
        on.frame({ type: "ping" }); // comments are signs of life
        const events = (text + chunk.value).split("\n\n");
        text = events.pop();
        for (const line of events.join("\n").split("\n")) {
          if (line.startsWith("retry: ")) retry = line.slice(7) / 1000;
          if (line.startsWith("data: ")) on.frame(JSON.parse(line.slice(6)));
        }
      }
      on.end(0, "the stream ended", retry);
    })().catch(error => on.end(0, error.message));
    return { close: () => stop.abort() };
  }

  // Keeps one connection, and the names that are wanted on it.
  class Connection {
    #base; #source; #receive; #token; #names = new Map(); // wanted keys, and the positions they were read to
    #asked = new Map(); // keys asked for on this line, and with which id
    #attempt; #line; #isOpen; #wasWelcome; #began; #heard; #isSilent; #watchdog; #retry; #told; #state;
    #refused = new Set(); #failures = 0; #blocked = 0; #renewed = false; #id = 0; #gone = new AbortController();

    constructor(base, token, receive) {
      this.#base = base;
      this.#source = token;
      this.#receive = receive;
      const { signal } = this.#gone;
      globalThis.addEventListener("online", () => this.#check(true), { signal });
      globalThis.addEventListener("offline", () => this.#check(false), { signal });
      globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.#check(true), { signal });
    }

    hold(key, position) {
      if (!this.#names.has(key)) this.#names.set(key, position);
      this.#changed();
    }

    release(key) {
      this.#names.delete(key);
      this.#changed();
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
      const ours = react => (...args) => this.#attempt === attempt && react(...args); // not what an older line still says
      if (this.#state !== "waiting") this.#become("connecting");
      this.#began = this.#heard = now();
      this.#watch(OPENING);
      let token;
      try {
        token = await this.#getToken();
      } catch (error) {
        this.#receive({ type: "error", code: "token", message: error.message });
        return ours(() => this.#end(0, ""))();
      }
      if (this.#attempt !== attempt) return;
      try {
        this.#line = (this.#blocked < 2 ? overWebSocket : overEvents)(this.#base, token, this.#names, {
          open: ours(() => this.#opened(token)),
          frame: ours(frame => this.#take(frame)),
          end: ours((code, reason, retryAfter) => this.#end(code, reason, retryAfter)),
        });
      } catch (error) {
        this.#end(4400, error.message); // such as ws: on a page of https:
      }
    }

    #opened(token) {
      this.#isOpen = true;
      if (this.#line.send) {
        if (token) this.send({ type: "auth", token });
        this.#sync();
      } else {
        this.#asked = new Map([...this.#names].map(([key]) => [key, undefined]));
        this.#take({ type: "welcome" });
        this.#sync(); // what was asked for meanwhile
      }
    }

    // However often names change in a moment, what to say is found out at its end.
    #changed() {
      queueMicrotask(() => !this.#gone.signal.aborted && (this.#attempt || !this.#names.size ? this.#sync() : this.connect()));
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
        this.send({ type: "subscribe", ...JSON.parse(key), id: this.#id, after: this.#names.get(key) });
      }
    }

    #take(frame) {
      const key = keyOf(frame), { type, code } = frame;
      this.#heard = now();
      this.#isSilent = false;
      if (type === "ping") return;
      if (type === "welcome") {
        this.#wasWelcome = true;
        this.#become("connected");
      } else if (type === "closing") {
        this.#told = frame.retryAfter;
      } else if (type === "expiring") {
        this.#renew();
      } else if (type === "subscribed" || type === "error" && key !== "{}") {
        if (frame.id !== this.#asked.get(key)) return; // the answer to what was taken back since
        if (type === "error") this.#refused.add(key);
        if (code === "overloaded") setTimeout(() => this.#askAgain([key]), SHORTEST + Math.random() * LONGEST);
      } else if (type === "unsubscribed") {
        if (!code || !this.#asked.has(key)) return; // our own wish
        this.#refused.add(key);
      }
      if (frame.position && this.#names.has(key)) this.#names.set(key, frame.position);
      this.#receive(frame);
      if (frame.recovered === false) this.#receive({ type: "gap", ...JSON.parse(key), code: "notRecovered" });
    }

    // 44xx: not again unchanged. 46xx: when told. All else: with back-off.
    async #end(code, reason, retryAfter = /retryAfter=([\d.]+)/.exec(reason)?.[1] ?? this.#told) {
      const didNotOpen = this.#line?.send && !this.#wasWelcome && !(code >= 4000);
      if (this.#wasWelcome && now() - this.#began > LASTED) [this.#failures, this.#renewed] = [0, false];
      this.#leave();
      const attempt = this.#attempt = {};
      if (code === 4401 && !this.#renewed && typeof this.#source === "function") {
        this.#renewed = true;
        this.#token = undefined;
        return this.connect();
      }
      const isRefused = code >= 4400 && code <= 4499;
      this.#become(isRefused ? "refused" : "waiting");
      if (isRefused) return this.#receive({ type: "error", code, message: reason });
      // Event streams help where WebSockets do not get through, not a server that is away or overloaded.
      if (didNotOpen) {
        const isReady = await this.#isReady();
        if (this.#attempt !== attempt) return;
        this.#blocked = isReady ? this.#blocked + 1 : 0;
      }
      this.#told = +retryAfter;
      const ceiling = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
      this.#retry = setTimeout(() => this.connect(), this.#told > 0 ? this.#told * 1000 : Math.random() * ceiling);
    }

    #leave() {
      this.#attempt = this.#isOpen = this.#wasWelcome = this.#told = undefined;
      this.#line?.close();
      this.#line = undefined;
      this.#asked.clear();
      this.#refused.clear();
      clearTimeout(this.#watchdog);
      clearTimeout(this.#retry);
      this.#retry = undefined;
    }

    // A timer for each frame would cost more than the frame.
    #watch(limit, from = this.#heard) {
      clearTimeout(this.#watchdog);
      this.#isSilent = true;
      this.#watchdog = setTimeout(
        () => !this.#isSilent ? this.#watch(SILENCE) : this.#end(0, "the server is silent"), limit - (now() - from));
    }

    // Network or page came or went: is this still a connection, and why wait longer?
    #check(isBack) {
      if (this.#wasWelcome && this.#line.send) {
        this.send({ type: "ping" });
        this.#watch(CHECK, now());
      } else if (isBack && this.#retry && !(this.#told > 0)) {
        this.#blocked = 0; // another network, perhaps
        this.connect();
      }
    }

    async #isReady() {
      try {
        return (await fetch(new URL("healthz/ready", this.#base), { cache: "no-store", signal: AbortSignal.timeout(CHECK) })).ok;
      } catch {
        return false;
      }
    }

    // Kept: when the server restarts, not every page is to ask for a token.
    async #getToken() {
      const token = this.#token ??= (async () => typeof this.#source === "function" ? await this.#source() : this.#source)();
      token.catch(() => this.#token = this.#token === token ? undefined : this.#token);
      return token;
    }

    async #renew() {
      if (typeof this.#source !== "function") return;
      const attempt = this.#attempt;
      this.#token = undefined;
      try {
        const token = await this.#getToken();
        if (this.#attempt !== attempt) return;
        if (!this.#line.send) return this.connect();
        this.send({ type: "auth", token });
        this.#askAgain(this.#refused); // it may allow more
      } catch (error) {
        this.#receive({ type: "error", code: "token", message: error.message }); // 4401 will ask once more
      }
    }

    #askAgain(keys) {
      for (const key of keys) if (this.#refused.delete(key)) this.#asked.delete(key);
      this.#sync();
    }

    #become(state) {
      if (this.#state !== state) this.#receive({ type: "state", state: this.#state = state });
    }
  }

  // One for all tabs: that which holds the lock leads and passes on what comes, the others tell it their names. When it closes,
  // the next gets the lock, asks for all names, and goes on where they were read to.
  class SharedConnection {
    #id = crypto.randomUUID(); #lock; #tabs; #leader; #isKnown; #receive; #end; #isClosed; #state;
    #own = new Set(); // the keys of this tab
    #positions = new Map(); // of all tabs, for who leads next
    #held = new Map(); // the leader's: the keys of each tab
    #confirmed = new Map(); // the leader's: for tabs that ask later

    constructor(base, token, receive) {
      this.#lock = `notifier ${base}`;
      this.#receive = receive;
      this.#tabs = new BroadcastChannel(this.#lock);
      this.#tabs.onmessage = ({ data }) => this.#heard(data);
      const stop = new AbortController(), { signal } = stop;
      const life = new Promise(resolve => this.#end = () => (stop.abort(), resolve()));
      // By this lock the leader knows that a tab lives, or crashed.
      navigator.locks.request(this.#lock + this.#id, () => {
        this.#isKnown = true;
        this.#tell();
        return life;
      });
      navigator.locks.request(this.#lock, { signal }, () => {
        this.#leader = new Connection(base, token, frame => this.#pass(frame));
        this.#holds(this.#id, [...this.#own]);
        this.#tabs.postMessage({ isNew: true });
        return life;
      }).catch(() => {}); // closed before it was this tab's turn
    }

    hold(key) {
      this.#own.add(key);
      this.#changed();
    }

    release(key) {
      this.#own.delete(key);
      this.#changed();
    }

    send(command) {
      this.#ask("send", command);
    }

    connect() {
      this.#ask("connect");
    }

    close() {
      this.#isClosed = true;
      this.#receive({ type: "state", state: "closed" });
      this.#leader?.close();
      this.#tabs.close();
      this.#end();
    }

    #ask(method, argument) {
      this.#leader ? this.#leader[method](argument) : this.#tabs.postMessage({ method, argument });
    }

    #changed() {
      queueMicrotask(() => this.#isClosed || this.#tell());
    }

    // All names each time: nothing is lost with a leader that did not read it.
    #tell() {
      if (this.#leader) this.#holds(this.#id, [...this.#own]);
      else if (this.#isKnown) this.#tabs.postMessage({ tab: this.#id, names: [...this.#own].map(key => [key, this.#positions.get(key)]) });
    }

    #heard({ isNew, tab, names, method, argument, frame, forget }) {
      if (frame) return tab && tab !== this.#id || this.#got(frame);
      if (forget) this.#positions.delete(forget);
      else if (isNew) this.#tell();
      else if (!this.#leader) return;
      else if (method) this.#ask(method, argument);
      else {
        if (!this.#held.has(tab)) navigator.locks.request(this.#lock + tab, () => this.#holds(tab));
        for (const [key, position] of names) if (!this.#positions.has(key)) this.#positions.set(key, position);
        this.#holds(tab, names.map(([key]) => key));
        this.#tabs.postMessage({ frame: { type: "state", state: this.#state } });
        for (const [key] of names) if (this.#confirmed.has(key)) this.#tabs.postMessage({ frame: this.#confirmed.get(key), tab });
      }
    }

    #holds(tab, keys) {
      if (this.#isClosed) return;
      const before = this.#held.get(tab) ?? [];
      if (keys) this.#held.set(tab, keys);
      else this.#held.delete(tab);
      const all = new Set([...this.#held.values()].flat());
      for (const key of before) if (!all.has(key)) this.#forget(key);
      for (const key of keys ?? []) this.#leader.hold(key, this.#positions.get(key));
    }

    #forget(key) {
      this.#tabs.postMessage({ forget: key }); // or a replay would meet who asks for it again
      this.#positions.delete(key);
      this.#confirmed.delete(key);
      this.#leader.release(key);
    }

    #pass(frame) {
      if (this.#isClosed) return;
      this.#tabs.postMessage({ frame });
      if (frame.type === "subscribed") this.#confirmed.set(keyOf(frame), { ...frame, position: undefined });
      this.#got(frame);
    }

    #got(frame) {
      if (frame.position) this.#positions.set(keyOf(frame), frame.position);
      if (frame.type === "state") {
        if (frame.state === this.#state) return;
        this.#state = frame.state;
      }
      this.#receive(frame);
    }
  }

  class Notifier extends EventTarget {
    #link; #listeners = new Map(); // of each name's key

    constructor(url = script?.src ?? location.href, { token, shared, signal } = {}) {
      super();
      const base = new URL(url, globalThis.document?.baseURI ?? location.href);
      base.protocol = base.protocol.replace("ws", "http");
      base.search = base.hash = "";
      base.pathname = base.pathname.replace(/\/(ws|[^/]*\.m?js)?$/, "") + "/";
      // Browsers have locks on https and localhost only.
      const Link = shared && globalThis.navigator?.locks && globalThis.BroadcastChannel ? SharedConnection : Connection;
      this.#link = new Link(base.href, token, frame => this.#receive(frame));
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
      this.#listeners.clear();
      this.#link.close();
    }

    [Symbol.dispose ?? Symbol()]() {
      this.close();
    }

    #listen(name, listener, { signal } = {}) {
      const key = keyOf(name), entry = { listener };
      const close = () => {
        const all = this.#listeners.get(key);
        if (all?.delete(entry) && !all.size) {
          this.#listeners.delete(key);
          this.#link.release(key);
        }
      };
      if (this.state !== "closed" && !signal?.aborted) {
        if (!this.#listeners.has(key)) this.#listeners.set(key, new Set());
        this.#listeners.get(key).add(entry);
        this.#link.hold(key);
        signal?.addEventListener("abort", close, { once: true });
      }
      return { ...name, close, [Symbol.dispose ?? Symbol()]: close };
    }

    #receive(frame) {
      const { type } = frame;
      if (type === "message") return this.#deliver(frame);
      if (type === "state") this.state = frame.state;
      const isOfOthers = (frame.channel ?? frame.pattern) !== undefined && !this.#listeners.has(keyOf(frame));
      if (!isOfOthers) this.dispatchEvent(new CustomEvent(type, { detail: frame }));
    }

    #deliver({ channel, channelBase64, pattern, data, base64, position }) {
      const message = {
        channel: channel ?? new TextDecoder().decode(bytesOf(channelBase64)),
        pattern,
        data: data ?? bytesOf(base64), // bytes that are no text
        json: () => JSON.parse(message.data),
        position,
      };
      for (const { listener } of this.#listeners.get(keyOf({ channel, pattern })) ?? []) {
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
