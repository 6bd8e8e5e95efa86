import type { SvelteHTMLElements } from "svelte/elements";

export const list: SvelteHTMLElements["notifier-list"] = { pattern: "orders.*", last: 5 };
export const toasts: SvelteHTMLElements["notifier-toasts"] = { channel: "news", seconds: "10" };
// @ts-expect-error Only toasts go away.
export const wrongList: SvelteHTMLElements["notifier-list"] = { pattern: "orders.*", seconds: 10 };
