/** @jsxImportSource vue */
import type { GlobalComponents } from "vue";

// What the templates of single-file components are checked against.
type Attributes = InstanceType<GlobalComponents["notifier-list"]>["$props"];
export const attributes: Attributes = { pattern: "orders.*", max: 20, persist: "" };
// @ts-expect-error There is no such attribute.
export const wrongAttributes: Attributes = { patern: "orders.*" };

export const page = () => <notifier-toasts channel="news" seconds="10" class="news" />;
// @ts-expect-error A channel is a text.
export const wrongPage = () => <notifier-toasts channel={42} />;
