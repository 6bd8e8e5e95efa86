/** What a backend published. */
export interface NotifierMessage {
  readonly channel: string;
  /** The subscribed pattern that matched; undefined for a subscribed channel. */
  readonly pattern?: string;
  /** The payload: text, or bytes if it is not UTF-8. */
  readonly data: string | Uint8Array;
  /** The parsed payload. Throws if it is not JSON. */
  json(): any;
  /** How far the name has been read. Opaque. */
  readonly position?: string;
}

export type NotifierState =
  /** Before the first connection. */
  | "connecting"
  | "connected"
  /** The connection is lost; the client reconnects by itself. */
  | "waiting"
  /** The server refused the connection (close codes 44xx); the client does not retry by itself. connect() does. */
  | "refused"
  | "closed";

/** One channel or pattern, with one listener. */
export interface NotifierSubscription extends Disposable {
  readonly channel?: string;
  readonly pattern?: string;
  /** Stops the listener at once. May be called again. */
  close(): void;
}

export interface NotifierOptions {
  /**
   * Identifies the visitor. A function is called once, and again when the token expires or is refused (4401). Pass a function if
   * tokens expire.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * One connection for all tabs of this browser. All tabs must belong to the same visitor. Without Web Locks (on http, except on
   * localhost) the console warns, and each tab has its own connection.
   */
  shared?: boolean;
  /**
   * After a reload in the same tab, each name resumes from its last position, which is kept in sessionStorage. For one Notifier per
   * page.
   */
  persist?: "session";
  /** Closes the connection. */
  signal?: AbortSignal;
}

/** The events and their details. An event about a name has its channel or pattern. */
export interface NotifierEvents {
  state: CustomEvent<{ state: NotifierState }>;
  /** Messages of a name may have been lost. The code is the server's, or notRecovered: the server could not resume from the last position. */
  gap: CustomEvent<{ channel?: string; pattern?: string; code: string; lost?: number }>;
  /** A name was refused (others continue), the connection was refused (code is a number, 44xx), or the token function failed. */
  error: CustomEvent<{ channel?: string; pattern?: string; code: string | number; message: string }>;
  /** The server confirmed the subscription to a name. */
  subscribed: CustomEvent<{ channel?: string; pattern?: string; recovered?: boolean }>;
  /** The server ended the subscription to a name: it is no longer granted. */
  unsubscribed: CustomEvent<{ channel?: string; pattern?: string; code: string; message?: string }>;
  /** The answer to ping(id). */
  pong: CustomEvent<{ id?: number | string }>;
}

export interface NotifierListening {
  /** Stops the listener. */
  signal?: AbortSignal;
  /**
   * Delivers so many of the latest messages first, unless a position is known. Only for the first listener of the name on this connection;
   * later listeners get only new messages.
   */
  last?: number;
  /** A position that was rendered into the page (GET /position): delivers the messages after it first. Only for the first listener of the name. */
  after?: string;
}

export declare class Notifier extends EventTarget implements Disposable {
  /** @param url The server's address. Default: the address that the script was loaded from (a module must pass one). */
  constructor(url?: string | URL, options?: NotifierOptions);
  /** Undefined before the first subscription, which connects. */
  readonly state: NotifierState | undefined;
  /** Exactly this channel. */
  channel(name: string, listener: (message: NotifierMessage) => void, options?: NotifierListening): NotifierSubscription;
  /** All channels that match a Redis glob, such as `orders.42.*`. */
  pattern(glob: string, listener: (message: NotifierMessage) => void, options?: NotifierListening): NotifierSubscription;
  /** Connects at once, even after a refusal. */
  connect(): void;
  /** The server answers with an event `pong`; over event streams it does not. */
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
