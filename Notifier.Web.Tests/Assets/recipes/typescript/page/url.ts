import DefaultNotifier, { Notifier, type NotifierMessage, type NotifierState } from "http://localhost:8081/notifier.mjs";

const states: NotifierState[] = [];
const received: NotifierMessage[] = [];
const notifier: Notifier = new DefaultNotifier("http://localhost:8081");
notifier.addEventListener("state", ({ detail }) => states.push(detail.state));
notifier.channel("orders.42", message => received.push(message));
// @ts-expect-error A name is a text.
notifier.channel(42, () => {});
