// The types of Notifier's client and elements. They need TypeScript's libraries es2022 and dom, or newer ones.
//   script tag:    save this file as src/notifier.d.ts. `new Notifier()` is typed everywhere.
//   own copy:      save this file as notifier.d.mts beside notifier.mjs.
//   module by URL: map the URL in tsconfig.json: "paths": { "https://notifier.example.com/notifier.mjs": ["./src/notifier.d.ts"] }

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
  /** No subscriptions for 30 s: the client has closed the connection. The next subscription connects. */
  | "idle"
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
   * Identifies the visitor. The client calls a function before it first connects, and again before the token expires, or when the server
   * rejects it. Pass a function if tokens expire. null: this visitor has no token. If the function throws, the client fires `error` with the
   * code `token`, and tries again.
   */
  token?: string | (() => string | null | undefined | Promise<string | null | undefined>);
  /**
   * One connection for all tabs of this browser. All tabs must belong to the same visitor. Without Web Locks (on http, except on
   * localhost) the console warns, and each tab has its own connection.
   */
  shared?: boolean;
  /**
   * After a reload in the same tab, each name resumes from its last position, which is kept in sessionStorage: all names of the page, and
   * 500 of earlier pages. For one Notifier per page.
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
  /**
   * A name was refused (others continue), the connection was refused (code is a number, 44xx), an event stream was answered with another
   * HTTP status (that number), the token function failed (`token`), or something other than Notifier answered (`frame`). If no listener
   * reads the detail, the client prints the error to the console, each text once.
   */
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
  /**
   * A position that was rendered into the page (GET /position): delivers the messages after it first. Only for the first listener of the name.
   * With `persist`, the newer of this and the stored position counts. With `shared`, if another tab is subscribed already, a gap comes instead.
   */
  after?: string;
}

/** On a server (Node.js), a Notifier does nothing: it never connects, and its subscriptions never receive. */
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
  /** Closes the connection for good, such as when the visitor logs out. */
  close(): void;
  addEventListener<K extends keyof NotifierEvents>(
    type: K, listener: (event: NotifierEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof NotifierEvents>(
    type: K, listener: (event: NotifierEvents[K]) => void, options?: boolean | EventListenerOptions): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;
  [Symbol.dispose](): void;
}

export default Notifier;

/** `<notifier-list>` and `<notifier-toasts>`. Each message is an event `notifier:message` at the element, and each gap `notifier:gap`. */
export interface NotifierElement extends HTMLElement {
  /** The page's own Notifier, such as one with a token. */
  set notifier(notifier: Notifier);
}

/** The attributes of both elements, as a template writes them. */
export interface NotifierElementAttributes {
  /** One name, or several separated by spaces. */
  channel?: string;
  pattern?: string;
  /** Another server than the script's. */
  src?: string;
  /** One connection for all tabs. */
  shared?: boolean | "";
  /** Resumes after a reload in the same tab. */
  persist?: boolean | "" | "session";
  /** How many messages are visible: 50 in a list, 3 toasts. */
  max?: number | string;
  /** The field of a JSON payload to show. */
  field?: string;
  notifier?: Notifier;
  id?: string;
  role?: string;
  title?: string;
  lang?: string;
  dir?: string;
  class?: string;
  className?: string;
  style?: any;
  slot?: string;
  hidden?: boolean;
  [attribute: `data-${string}` | `aria-${string}` | `on${string}`]: any;
}

export interface NotifierListAttributes extends NotifierElementAttributes {
  /** How many of the latest messages the list shows at first (without `shared`). */
  last?: number | string;
  /** A position that was rendered into the page. */
  after?: string;
}

export interface NotifierToastsAttributes extends NotifierElementAttributes {
  /** How long a toast stays: 8 s. With 0 it stays until it is dismissed. */
  seconds?: number | string;
}

/** For the JSX of other frameworks: `interface IntrinsicElements extends NotifierElements {}`. */
export interface NotifierElements {
  "notifier-list": NotifierListAttributes & { key?: any; ref?: any };
  "notifier-toasts": NotifierToastsAttributes & { key?: any; ref?: any };
}

// A name of its own, because "typeof Notifier" below would mean the global itself.
type Client = Notifier;
type ClientConstructor = typeof Notifier;
type Message = NotifierMessage;

declare global {
  /** Defined by `<script src="…/notifier.js">`. */
  var Notifier: ClientConstructor;
  type Notifier = Client;
  interface Window { Notifier: ClientConstructor }
  interface GlobalEventHandlersEventMap {
    "notifier:message": CustomEvent<Message>;
    "notifier:gap": NotifierEvents["gap"];
  }
  interface HTMLElementTagNameMap { "notifier-list": NotifierElement; "notifier-toasts": NotifierElement }

  // Part of TypeScript's library "esnext.disposable", which es2022 lacks. Where both are present, they merge.
  interface SymbolConstructor { readonly dispose: unique symbol }
  interface Disposable { [Symbol.dispose](): void }
}

// The elements in templates. TypeScript ignores the lines of a framework that is not installed.

interface InReact {
  "notifier-list": NotifierListAttributes & KeyAndRef;
  "notifier-toasts": NotifierToastsAttributes & KeyAndRef;
}
// @ts-ignore
type KeyAndRef = import("react").ClassAttributes<NotifierElement>;
// @ts-ignore
declare module "react" { namespace JSX { interface IntrinsicElements extends InReact {} } }

interface InVueTemplates {
  "notifier-list": new () => { $props: NotifierListAttributes };
  "notifier-toasts": new () => { $props: NotifierToastsAttributes };
}
// @ts-ignore
declare module "vue" { interface GlobalComponents extends InVueTemplates {} }
// @ts-ignore
declare module "vue/jsx-runtime" { namespace JSX { interface IntrinsicElements extends NotifierElements {} } }

interface InSvelte {
  "notifier-list": NotifierListAttributes;
  "notifier-toasts": NotifierToastsAttributes;
}
// @ts-ignore
declare module "svelte/elements" { interface SvelteHTMLElements extends InSvelte {} }
