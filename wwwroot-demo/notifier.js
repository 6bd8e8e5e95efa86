// Notifier's client: it reconnects, resubscribes and resumes by itself. Its API: notifier.d.ts
// The server leaves out the lines of comments when it serves this file.
(() => {
  "use strict";

  // All times are in ms. The ceilings of the back-off:
  const SHORTEST = 500, LONGEST = 20_000;
  // A browser ignores longer delays.
  const LATEST = 2 ** 31 - 1;
  // For the token function, and then until the welcome.
  const OPENING = 10_000;
  // The server pings every 25 s.
  const SILENCE = 35_000;
  // For a pong when the network or page is back, and for the readiness of the server.
  const CHECK = 5_000;
  // A connection that ends sooner is a failure.
  const LASTED = 5_000;
  // At least, between two calls of the token function for one connection.
  const RENEWAL = 5_000;
  // Without names, until the connection is closed.
  const IDLE = 30_000;
  // Commands at once, and ms for each further one: less than the server allows by default.
  const BURST = 150, PACE = 25;
  // At least, between two writes of the positions; and how many are kept of names that only earlier pages of the tab had.
  const SAVING = 100, SAVED = 500;
  // Tabs that share a connection replace a leader that has been silent for 5 ticks. A leader that has not checked for a lease whether it still leads does so
  // before it delivers a frame. A lease is shorter than 5 ticks: so a suspended leader, when it wakes up, delivers nothing that its successor has delivered.
  const TICK = 2_500, LEASE = 5_000;

  // In place of a token.
  const FAILED = {};
  const script = globalThis.document?.currentScript;
  const now = () => performance.now();

  // A name is {channel} or {pattern}; its key, that as JSON.
  const keyOf = ({ channel, pattern }) => JSON.stringify(pattern === undefined ? { channel } : { pattern });
  // The server that a client comes from made the positions: number.number, of the node, of the journal (~), or both. The last pair says how far the name was
  // read. Two of different logs do not compare.
  const isNewer = (one, other) => {
    const [[log, number], [otherLog, otherNumber]] = [one, other].map(position => `${position}`.split(/[.~]/).slice(-2));
    return log === otherLog && +number > +otherNumber;
  };
  const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt(0));

  function overWebSocket(base, on) {
    const socket = new WebSocket(new URL("ws", base).href.replace("http", "ws"), "notifier.v1");
    socket.onopen = on.open;
    socket.onmessage = ({ data }) => on.frame(data);
    socket.onclose = ({ code, reason }) => on.end(code, reason);
    return {
      send: command => socket.send(JSON.stringify(command)),
      close: () => socket.close(),
    };
  }

  // EventSource cannot send a token or report a status.
  function overEvents(base, on, token, names, positions) {
    const stop = new AbortController(), url = new URL("events", base), asked = [...names], query = new URLSearchParams();
    for (const [key, { last, after = "" }] of asked) {
      const from = positions.get(key) ?? after;
      for (const pair of Object.entries({ ...JSON.parse(key), after: from, last: from ? "" : last ?? "" })) query.append(...pair);
    }
    (async () => {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      // 128 names are too long for a URL.
      const post = credentials => fetch(url, { method: "POST", body: query, headers, signal: stop.signal, credentials, redirect: "manual" });
      // The server may allow the origin without cookies only.
      const response = await post("include").catch(() => post()), { status } = response, type = response.headers.get("Content-Type");
      if (status !== 200 || !/event-stream/.test(type)) {
        // A proxy or an application may answer instead of Notifier, with a login page, for example.
        const { detail } = /json/.test(type) ? await response.json() : {};
        const reason = detail ?? `no event stream: HTTP ${status || "redirect"} ${type ?? ""}`;
        return on.end(/^40[013]$/.test(status) ? 4000 + status : status || 302, reason, response.headers.get("Retry-After"));
      }
      on.open();
      let text = "";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let chunk; !(chunk = await reader.read()).done;) {
        // A comment is a sign of life.
        on.frame('{"type":"ping"}');
        const events = (text + chunk.value).split("\n\n");
        text = events.pop();
        for (const line of events.join("\n").split("\n")) if (line.startsWith("data: ")) on.frame(line.slice(6));
      }
      on.end();
    })().catch(() => on.end());
    return { asked, close: () => stop.abort() };
  }

  // One connection, and the names wanted on it: #names by key, each an entry with last and after.
  class Connection {
    #base; #receive; #positions; #names; #tokenSource; #token; #tokenAt;
    // By key: the entry that is subscribed, the id of the command, and whether the server has confirmed it.
    #requested = new Map();
    #attempt; #transport; #isOpen; #isWelcome; #isAccepted; #isUnopened; #began; #lastFrameAt; #isSilent; #watchdog; #retry; #retryAfter; #state; #idle; #quota; #pacedAt; #paused; #isConfused;
    #refused = new Set(); #failures = 0; #blocked = 0; #polls = 0; #rejections = 0; #id = 0; #closing = new AbortController();

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
    changed() {
      queueMicrotask(() => !this.#closing.signal.aborted && (this.#attempt || !this.#names.size ? this.#sync() : this.connect()));
    }

    send(command) {
      if (this.#isOpen) this.#transport.send?.(command);
    }

    close() {
      this.#closing.abort();
      this.#disconnect();
    }

    async connect() {
      if (this.#closing.signal.aborted) return;
      this.#disconnect();
      const attempt = this.#attempt = {};
      // Ignores what comes of older attempts.
      const ours = react => (...args) => this.#attempt === attempt && react(...args);
      if (this.#state !== "waiting") this.#setState("connecting");
      this.#began = now();
      if (this.#isUnopened) {
        // A server that is down is polled: Firefox delays WebSockets to a host that has refused some by up to a minute. Every tenth time a WebSocket is
        // tried all the same, because the poll may fail for another reason. Event streams do not help if the server is not ready.
        const url = new URL("healthz/ready", this.#base);
        const { status } = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(CHECK) }).catch(() => ({}));
        if (this.#attempt !== attempt) return;
        this.#blocked = status === 200 ? this.#blocked + 1 : 0;
        if (!(status < 500) && ++this.#polls % 10) return this.#end();
      }
      const token = await this.#getToken();
      if (this.#attempt !== attempt) return;
      if (token === FAILED) return this.#end();
      this.#watch(OPENING, now());
      try {
        this.#transport = (this.#blocked < 2 ? overWebSocket : overEvents)(this.#base, {
          open: ours(() => this.#opened(token)),
          frame: ours(text => this.#read(text, token)),
          end: ours((code, reason, retryAfter) => this.#end(code, reason, retryAfter)),
        }, token, this.#names, this.#positions);
      } catch (error) {
        // ws: on a page of https:
        this.#end(4400, error.message);
      }
    }

    #opened(token) {
      this.#isOpen = true;
      this.#quota = BURST;
      this.#pacedAt = now();
      if (this.#transport.asked) {
        for (const [key, entry] of this.#transport.asked) this.#requested.set(key, { entry });
        this.#handle({ type: "welcome" });
      } else if (token) this.send({ type: "auth", token });
      this.#sync();
    }

    // Sends what has changed. An entry that replaced another of its name is a new subscription. The position of a name changes only here and with the
    // server's frames: it belongs to the subscription that the server has, whatever the page does meanwhile.
    #sync() {
      clearTimeout(this.#idle);
      clearTimeout(this.#paused);
      if (!this.#names.size) this.#idle = setTimeout(() => this.#rest(), IDLE);
      if (!this.#isOpen) return;
      const { send } = this.#transport;
      let isChanged;
      for (const [key, { entry }] of this.#requested) {
        if (this.#names.get(key) === entry) continue;
        if (send && !this.#isInTime()) return;
        isChanged = this.#requested.delete(key);
        this.#positions.delete(key);
        send?.({ type: "unsubscribe", ...JSON.parse(key) });
      }
      for (const [key, entry] of this.#names) {
        if (this.#requested.has(key)) continue;
        isChanged = true;
        if (!send) break;
        if (!this.#isInTime()) return;
        const id = ++this.#id, after = this.#positions.get(key) ?? entry.after;
        this.#requested.set(key, { entry, id });
        send({ type: "subscribe", ...JSON.parse(key), id, after, last: after ? undefined : entry.last });
      }
      if (!send && isChanged) this.#names.size ? this.connect() : this.#rest();
    }

    // Whether a command may be sent now; otherwise, the rest follows.
    #isInTime() {
      this.#quota = Math.min(BURST, this.#quota + (now() - this.#pacedAt) / PACE);
      this.#pacedAt = now();
      if (this.#quota > 1) return this.#quota--;
      this.#paused = setTimeout(() => this.#sync(), 20 * PACE);
    }

    // A page that needs nothing keeps no connection.
    #rest() {
      this.#disconnect();
      this.#setState("idle");
    }

    #read(text, token) {
      let frame;
      try {
        frame = JSON.parse(text);
      } catch {}
      if (frame?.type) return this.#handle(frame, token);
      if (!this.#isConfused) this.#receive({ type: "error", code: "frame", message: `not a frame of Notifier: ${text}`.slice(0, 99) });
      this.#isConfused = true;
    }

    #handle(frame, token) {
      const key = keyOf(frame), { type, code } = frame, request = this.#requested.get(key);
      this.#lastFrameAt = now();
      this.#isSilent = false;
      if (type === "ping") return;
      if (type === "welcome") {
        this.#isWelcome = true;
        // Only failures in a row count.
        if (this.#transport.send) this.#blocked = 0;
        // The server accepts or rejects a token later.
        if (!token) this.#isAccepted = true;
        this.#setState("connected");
      } else if (type === "authenticated") {
        this.#isAccepted = true;
        this.#rejections = 0;
      } else if (type === "closing") {
        this.#retryAfter = frame.retryAfter;
      } else if (type === "expiring") {
        this.#renew(this.#tokenAt + RENEWAL - now());
      } else if (type === "error" && key === "{}") {
        // Event streams end with such an error, WebSockets with a close code.
        const end = { unauthorized: 4401, forbidden: 4403 }[code];
        if (end) return this.#end(end, frame.message);
        if (code === "unavailable") this.#renew(RENEWAL + Math.random() * LONGEST);
      } else if (type === "subscribed" || type === "error") {
        // Otherwise the answer belongs to an earlier subscription.
        if (!request || frame.id !== request.id) return;
        if (type === "error") this.#refused.add(key);
        else request.isConfirmed = true;
        if (code === "overloaded") setTimeout(() => this.#retryRefused([key]), SHORTEST + Math.random() * LONGEST);
      } else if (type === "unsubscribed") {
        // Without a code, the page has unsubscribed.
        if (!code || !request) return;
        this.#refused.add(key);
      } else if (key !== "{}" && !request?.isConfirmed) return;
      this.#receive(frame);
    }

    // 4401: with a fresh credential, if the server had accepted the last one, or may accept the next. Other 44xx: no retry. 46xx: after the given time.
    // Others, and an HTTP status of an event stream: with back-off.
    #end(code, reason, retryAfter = /retryAfter=([\d.]+)/.exec(reason)?.[1] ?? this.#retryAfter) {
      if (this.#transport) this.#isUnopened = this.#transport.send && !this.#isWelcome && !(code >= 4000);
      const isExpired = code === 4401 && (this.#isAccepted || this.#tokenSource && !this.#rejections);
      if (code === 4401) {
        this.#rejections = this.#isAccepted ? 0 : this.#rejections + 1;
        if (this.#tokenSource) this.#token = undefined;
      }
      if (this.#isWelcome && now() - this.#began > LASTED) this.#failures = 0;
      this.#disconnect();
      this.#attempt = {};
      const isRefused = /^44/.test(code) && !isExpired;
      this.#setState(isRefused ? "refused" : "waiting");
      if (isRefused || /^45|^...$/.test(code)) this.#receive({ type: "error", code, message: reason || "no reason given" });
      if (isRefused) return this.#rejections = 0;
      this.#retryAfter = +retryAfter;
      const ceiling = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
      this.#retry = setTimeout(() => this.connect(), this.#retryAfter > 0 ? Math.min(this.#retryAfter * 1000, LATEST) : Math.random() * ceiling);
    }

    #disconnect() {
      this.#attempt = this.#isOpen = this.#isWelcome = this.#isAccepted = this.#retryAfter = undefined;
      this.#transport?.close();
      this.#transport = undefined;
      this.#requested.clear();
      this.#refused.clear();
      for (const timer of [this.#watchdog, this.#retry, this.#idle, this.#paused]) clearTimeout(timer);
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
        // It may be another network.
        this.#blocked = 0;
        this.connect();
      }
    }

    // Kept: otherwise, after a restart, every page would request a token. No token at all (null, undefined) is a visitor without one.
    async #getToken() {
      const token = this.#token ??= (async () => {
        this.#tokenAt = now();
        const value = await Promise.race([this.#tokenSource(), new Promise((_, reject) => setTimeout(() => reject("no answer"), OPENING))]);
        // RFC 6750. A login page, or an error as JSON, is something else.
        if (value == null || typeof value === "string" && /^[\w.~+/=-]{1,8000}$/.test(value)) return value;
        throw new Error(`the token function did not return a token: ${JSON.stringify(value)?.slice(0, 80)}`);
      })();
      try {
        return await token;
      } catch (error) {
        if (this.#token === token) this.#token = undefined;
        this.#receive({ type: "error", code: "token", message: `${error?.message ?? error}` });
        return FAILED;
      }
    }

    #renew(delay) {
      const attempt = this.#attempt;
      if (this.#tokenSource) setTimeout(async () => {
        if (this.#attempt !== attempt) return;
        this.#token = undefined;
        const token = await this.#getToken();
        // Without a token, 4401 will come, and requests it again.
        if (token === FAILED || this.#attempt !== attempt) return;
        // Reconnects to log out, because no command revokes a token, and on an event stream, which takes a token only when it opens.
        if (!token || !this.#transport.send) return this.connect();
        this.send({ type: "auth", token });
        // The token may allow them.
        this.#retryRefused(this.#refused);
      }, delay);
    }

    #retryRefused(keys) {
      for (const key of keys) if (this.#refused.delete(key)) this.#requested.delete(key);
      this.#sync();
    }

    #setState(state) {
      this.#receive({ type: "state", state: this.#state = state });
    }
  }

  // The number in the lock's name changes with what tabs tell each other: tabs of different versions do not share.
  // The tab that has the lock, the leader, connects, and forwards frames to the others, which send it their names. When it closes,
  // or the browser suspends it, another gets the lock, and resumes from the positions that the tabs announce.
  class SharedConnection {
    #id = crypto.randomUUID(); #lock; #tabs; #leader; #joinStage; #create; #receive; #names; #stop = new AbortController(); #life; #silentTicks = 0; #ticking;
    // Of this tab.
    #ownPositions; #isFresh = true;
    // Of the leader: the names of each tab; by key, the names of all tabs, their positions, and frames for new tabs.
    #namesByTab = new Map(); #allNames = new Map(); #positions = new Map(); #lastFrames = new Map();
    // Of the leader: when it last knew that it leads, and the frames that wait until it knows again.
    #checkedAt; #unchecked;

    constructor(base, token, receive, positions, names) {
      [this.#lock, this.#receive, this.#ownPositions, this.#names] = [`notifier 3 ${base}`, receive, positions, names];
      this.#create = () => new Connection(base, token, frame => this.#broadcast(frame), this.#positions, this.#allNames);
      this.#tabs = new BroadcastChannel(this.#lock);
      this.#tabs.onmessage = ({ data }) => this.#onMessage(data);
      this.#life = new Promise(resolve => this.#stop.signal.onabort = resolve);
      // When the leader gets this lock too, the tab is closed.
      navigator.locks.request(this.#lock + this.#id, () => {
        this.#joinStage = 1;
        this.#announce();
        return this.#life;
      });
      this.#compete({ signal: this.#stop.signal });
      this.#ticking = setInterval(() => this.#tick(), TICK);
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
      clearInterval(this.#ticking);
      this.#leader?.close();
      this.#tabs.close();
    }

    #compete(options) {
      const lead = () => {
        this.#isFresh = false;
        this.#leader = this.#create();
        this.#checkedAt = now();
        this.#announce();
        this.#post({ isNew: true });
        return this.#life;
      };
      // Rejected when another tab has taken the lock, and when this one is closed.
      navigator.locks.request(this.#lock, options, lead).catch(() => {
        if (this.#stop.signal.aborted || !this.#leader) return;
        this.#leader.close();
        this.#leader = this.#unchecked = undefined;
        for (const map of [this.#namesByTab, this.#allNames, this.#positions, this.#lastFrames]) map.clear();
        this.#joinStage = 1;
        this.#announce();
        if (options.signal) this.#compete(options);
      });
    }

    // Asks a silent leader, and at last replaces it. Only questions count: in the background, ticks come once a minute.
    #tick() {
      if (this.#leader) return;
      if (this.#silentTicks++ < 4) return this.#silentTicks > 1 && this.#callLeader("changed");
      this.#silentTicks = 0;
      this.#compete({ steal: true });
    }

    #callLeader(method, argument) {
      this.#leader ? this.#leader[method](argument) : this.#post({ method, argument });
    }

    // All names: a leader may be new. The position is the tab's own: how far its page knows the name.
    #announce() {
      const names = [...this.#names].map(([key, { last, after, serial }]) => ({ key, last, after: this.#ownPositions.get(key) ?? after, serial }));
      if (this.#leader) this.#setNames(this.#id, names);
      else if (this.#joinStage) this.#post({ tab: this.#id, names });
    }

    #onMessage({ isNew, tab, names, method, argument, frame }) {
      if (isNew || frame) this.#silentTicks = 0;
      const isOwn = tab === this.#id;
      if (isOwn) {
        // Until now, frames may have been missing.
        this.#joinStage = 2;
        // The visitor may have logged in since, and this page knows it: it makes an attempt of its own, once.
        const isRetried = this.#isFresh && frame?.state === "refused";
        this.#isFresh = false;
        if (isRetried) return this.#compete({ steal: true });
      }
      if (frame) return (tab ? isOwn : this.#joinStage > 1) && this.#receive(frame);
      if (isNew) this.#announce();
      else if (!this.#leader) return;
      else if (method) {
        this.#callLeader(method, argument);
        // It is alive.
        this.#post({ frame: this.#lastFrames.get("{}") });
      } else {
        if (!this.#namesByTab.has(tab)) {
          navigator.locks.request(this.#lock + tab, () => this.#leader && this.#setNames(tab, []));
          this.#tell(tab, this.#lastFrames.get("{}"));
        }
        this.#setNames(tab, names);
      }
    }

    #setNames(tab, names) {
      const before = new Map(this.#allNames), earlier = this.#namesByTab.get(tab) ?? [];
      const added = names.filter(({ serial }) => !earlier.some(other => other.serial === serial));
      this.#namesByTab.set(tab, names);
      this.#allNames.clear();
      for (const name of [...this.#namesByTab.values()].flat()) {
        const { key } = name;
        // A subscription that a tab had already stays.
        if (before.has(key) && !added.includes(name)) this.#allNames.set(key, before.get(key));
        else if (!this.#allNames.has(key)) this.#allNames.set(key, name);
      }
      for (const [key, name] of before) {
        if (this.#allNames.get(key) === name) continue;
        this.#lastFrames.delete(key);
        this.#positions.delete(key);
      }
      for (const { key, after } of added) {
        const live = before.get(key), position = this.#positions.get(key), last = this.#lastFrames.get(key);
        if (!live || this.#allNames.get(key) !== live) continue;
        if (last) this.#tell(tab, { ...last, position, recovered: undefined });
        // The subscription of other tabs does not begin where the page of this one ends.
        const begin = position ?? live.after;
        if (after && after !== begin && !isNewer(after, begin)) this.#tell(tab, { type: "gap", ...JSON.parse(key), code: "notRecovered" });
      }
      this.#leader.changed();
    }

    #tell(tab, frame) {
      tab === this.#id ? this.#receive(frame) : this.#post({ tab, frame });
    }

    #post(message) {
      if (!this.#stop.signal.aborted) this.#tabs.postMessage(message);
    }

    async #broadcast(frame) {
      if (this.#unchecked) return this.#unchecked.push(frame);
      if (now() - this.#checkedAt > LEASE) {
        const frames = this.#unchecked = [frame];
        // If another tab has the lock, the rejection arrives before this answer.
        await navigator.locks.query();
        if (this.#unchecked !== frames) return;
        this.#unchecked = undefined;
        this.#checkedAt = now();
        frames.forEach(each => this.#pass(each));
      } else this.#pass(frame);
    }

    #pass(frame) {
      this.#post({ frame });
      const { type, position } = frame, key = keyOf(frame);
      if (position) this.#positions.set(key, position);
      if (type === "state" || key !== "{}" && !/^message|gap/.test(type)) this.#lastFrames.set(key, frame);
      this.#receive(frame);
    }
  }

  class Notifier extends EventTarget {
    // Without a browser: the page is being rendered on a server.
    #link = { changed() {}, send() {}, connect() {}, close() {} };
    // By key: the listeners, what they want of earlier messages, the positions seen.
    #names = new Map();
    // By key: of the last message; and those that earlier pages of the tab have left, until this one has a newer one.
    #positions = new Map(); #stored = new Map();
    #closing = new AbortController(); #save; #saving; #isChanged; #serial = 0; #warned = new Set();

    constructor(url = script?.src ?? globalThis.location?.href, { token, shared, persist, signal } = {}) {
      super();
      if (!globalThis.location) return;
      const base = new URL(url, globalThis.document?.baseURI ?? location.href);
      base.protocol = base.protocol.replace("ws", "http");
      base.search = base.hash = "";
      base.pathname = base.pathname.replace(/\/(ws|[^/]*\.m?js)?$/, "") + "/";
      const place = `notifier ${base}`;
      // The storage may be forbidden (a sandboxed frame), or full.
      const attempt = action => {
        try {
          action();
        } catch {}
      };
      const life = { signal: this.#closing.signal };
      if (persist) {
        attempt(() => this.#stored = new Map(JSON.parse(sessionStorage[place] ?? "[]")));
        this.#save = () => attempt(() => sessionStorage[place] = JSON.stringify([...[...this.#stored].slice(-SAVED), ...this.#positions]));
        // Firefox loses what a page stores at pagehide if the next page has a Cross-Origin-Opener-Policy. It closes the connection after beforeunload.
        addEventListener("beforeunload", this.#save, life);
      }
      const open = async () => {
        let Link = Connection;
        if (shared) try {
          // Rejected in a sandboxed frame, and where the visitor blocks the data of pages.
          await navigator.locks.query();
          Link = SharedConnection;
        } catch {
          console.warn("Notifier: shared needs https, and locks");
        }
        if (life.signal.aborted) return;
        this.#link = new Link(base.href, token, frame => this.#receive(frame), this.#positions, this.#names);
        this.#link.changed();
      };
      open();
      // A page in the back/forward cache is no visitor.
      addEventListener("pagehide", ({ persisted }) => {
        this.#save?.();
        if (!persisted) return;
        this.#link.close();
        if (this.state) this.#receive({ type: "state", state: "waiting" });
      }, life);
      addEventListener("pageshow", ({ persisted }) => {
        if (persisted) open();
      }, life);
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
      this.#closing.abort();
      this.#names.clear();
      this.#link.close();
      this.#receive({ type: "state", state: "closed" });
    }

    [Symbol.dispose ?? Symbol()]() {
      this.close();
    }

    #listen(name, listener, { signal, last, after } = {}) {
      const key = keyOf(name), own = { listener }, forget = () => [this.#positions, this.#stored].forEach(map => map.delete(key));
      let entry;
      const close = () => {
        if (!entry?.listeners.delete(own)) return;
        // Later in this task the page may listen again, and continues.
        queueMicrotask(() => {
          if (entry.listeners.size || this.#names.get(key) !== entry) return;
          this.#names.delete(key);
          forget();
          this.#link.changed();
        });
      };
      if (this.state !== "closed" && !signal?.aborted) {
        entry = this.#names.get(key);
        // Without listeners, it was closed in this task. Who wants earlier messages now subscribes anew.
        const isReplaced = entry && !entry.listeners.size && (last || after);
        if (isReplaced) forget();
        // The newer position wins; of two that do not compare, the one that was rendered into the page.
        const stored = this.#stored.get(key), from = !after || isNewer(stored, after) ? stored : after;
        if (!entry || isReplaced) this.#names.set(key, entry = { last, after: from, serial: ++this.#serial, listeners: new Set(), seen: new Set() });
        entry.listeners.add(own);
        this.#link.changed();
        signal?.addEventListener("abort", close, { once: true });
      }
      return { ...name, close, [Symbol.dispose ?? Symbol()]: close };
    }

    #receive(frame) {
      const { type, position, message, code } = frame, key = keyOf(frame);
      if (type === "message") this.#deliver(frame, this.#names.get(key));
      // Others are of names that only other tabs have, and of names that the page has just closed.
      if (position && this.#names.has(key)) {
        this.#stored.delete(key);
        this.#positions.set(key, position);
        this.#persist();
      }
      if (type === "message") return;
      if (type === "state") {
        if (this.state === frame.state) return;
        this.state = frame.state;
      }
      if (key !== "{}" && !this.#names.has(key)) return;
      // A listener that reads the detail handles the event. Listeners come and go, also by signals.
      let isHandled;
      const get = () => {
        isHandled = true;
        return frame;
      };
      this.dispatchEvent(Object.defineProperty(new CustomEvent(type), "detail", { get }));
      const problem = `Notifier: ${message} (${[code, frame.channel, frame.pattern].join(" ").trim()})`;
      if (message && !isHandled && !this.#warned.has(problem)) console.warn(problem);
      this.#warned.add(problem);
      if (frame.recovered === false) this.#receive({ type: "gap", ...JSON.parse(key), code: "notRecovered" });
    }

    // At once, and then at most ten times a second.
    #persist() {
      this.#isChanged = true;
      if (this.#saving || !this.#save) return;
      const save = () => {
        this.#saving = this.#isChanged && setTimeout(save, SAVING);
        if (this.#isChanged) this.#save();
        this.#isChanged = false;
      };
      save();
    }

    #deliver({ channel, channelBase64, pattern, data, base64, position }, name) {
      if (!name || name.seen.has(position)) return;
      if (position && name.seen.add(position).size > 1000) name.seen.delete(name.seen.values().next().value);
      const message = {
        channel: channel ?? new TextDecoder().decode(bytesOf(channelBase64)),
        pattern,
        // Bytes that are not text.
        data: data ?? bytesOf(base64),
        json: () => JSON.parse(message.data),
        position,
      };
      // A listener may close others, and add new ones, which begin with the next message.
      for (const own of [...name.listeners]) {
        try {
          if (name.listeners.has(own)) own.listener(message);
        } catch (error) {
          reportError(error);
        }
      }
    }
  }

  globalThis.Notifier = Notifier;

  // For <script data-pattern="..." data-toast>, or an element in the page.
  const loadElements = () => {
    const defined = customElements.get("notifier-toasts"), { pattern, channel, toast } = script.dataset;
    // Executed again, in a body that replaced another.
    if (defined) return defined.embed(script);
    if ((pattern ?? channel ?? toast ?? document.querySelector("notifier-list, notifier-toasts")) === null) return;
    document.head.append(Object.assign(document.createElement("script"), { src: new URL("notifier-elements.js", script.src), pageScript: script }));
  };
  if (script) document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", loadElements) : loadElements();
})();
