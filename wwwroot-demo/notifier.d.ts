/** What a backend published. */
export interface NotifierMessage {
  readonly channel: string;
  /** The pattern that matched, where one was asked for. */
  readonly pattern?: string;
  /** The payload: text, or bytes when it is not UTF-8. */
  readonly data: string | Uint8Array;
  /** The payload, parsed. Throws when it is not JSON. */
  json(): any;
  /** Says how far the name has been read. Opaque. */
  readonly position?: string;
}

export type NotifierState =
  /** Before the first connection. */
  | "connecting"
  | "connected"
  /** The connection is gone; it tries again by itself. */
  | "waiting"
  /** The server refused (close codes 44xx), and trying again unchanged makes no sense. connect() tries all the same. */
  | "refused"
  | "closed";

/** One channel or pattern, with one listener. */
export interface NotifierSubscription extends Disposable {
  readonly channel?: string;
  readonly pattern?: string;
  /** Nothing is heard any more, at once. May be called again. */
  close(): void;
}

export interface NotifierOptions {
  /**
   * What shows who the visitor is. A function is asked once, and again when the token expires or was refused (4401). Give a
   * function wherever tokens expire.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * One connection for all tabs of this browser. They must be the same visitor's. Where the browser has no Web Locks, which is on http
   * anywhere but on localhost, the console says so, and each tab has its own.
   */
  shared?: boolean;
  /**
   * Goes on, when the page is loaded anew in the same tab, from where each name was read to: the positions are kept in sessionStorage.
   * For one Notifier of a page.
   */
  persist?: "session";
  /** Closes it. */
  signal?: AbortSignal;
}

/** The details of the events. Those that concern a name say which. */
export interface NotifierEvents {
  state: CustomEvent<{ state: NotifierState }>;
  /** Messages of a name may have been lost here. Its code is the server's, or notRecovered: not all since the last position was to be had. */
  gap: CustomEvent<{ channel?: string; pattern?: string; code: string; lost?: number }>;
  /** A name was refused (the rest goes on), the connection was (code is a number, 44xx), or the token function failed. */
  error: CustomEvent<{ channel?: string; pattern?: string; code: string | number; message: string }>;
  /** A name is live. */
  subscribed: CustomEvent<{ channel?: string; pattern?: string; recovered?: boolean }>;
  /** The server took a name away: the visitor may have it no longer. */
  unsubscribed: CustomEvent<{ channel?: string; pattern?: string; code: string; message?: string }>;
  /** The answer to ping(id). */
  pong: CustomEvent<{ id?: number | string }>;
}

export interface NotifierListening {
  /** Ends it. */
  signal?: AbortSignal;
  /**
   * First so many of the latest messages, where no position is known yet. For whoever is the first on this connection to ask for the name;
   * who comes later hears what comes then.
   */
  last?: number;
  /** A position that was rendered into the page (GET /position): first what came after it. Also for the first who asks for the name. */
  after?: string;
}

export declare class Notifier extends EventTarget implements Disposable {
  /** @param url Where the server is. Left out: where the script came from (a module says it). */
  constructor(url?: string | URL, options?: NotifierOptions);
  /** Undefined before the first name is asked for: it connects then. */
  readonly state: NotifierState | undefined;
  /** Exactly this channel. */
  channel(name: string, listener: (message: NotifierMessage) => void, options?: NotifierListening): NotifierSubscription;
  /** All channels that match a Redis glob, such as `orders.42.*`. */
  pattern(glob: string, listener: (message: NotifierMessage) => void, options?: NotifierListening): NotifierSubscription;
  /** Tries at once, also after a refusal. */
  connect(): void;
  /** The answer is an event `pong`. Event streams give none. */
  ping(id?: number | string): void;
  close(): void;
  addEventListener<K extends keyof NotifierEvents>(
    type: K, listener: (event: NotifierEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  [Symbol.dispose](): void;
}

export default Notifier;

declare global {
  interface Window { Notifier: typeof Notifier }
  interface DocumentEventMap { "notifier:message": CustomEvent<NotifierMessage> }
}
