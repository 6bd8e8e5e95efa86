// A page with <script src="…/notifier.js">.
const notifier = new Notifier("https://notifier.example.com", { token: async () => "token", persist: "session", shared: true });
const subscription = notifier.pattern("orders.*", message => {
  const payload: string | Uint8Array = message.data;
  console.log(message.channel.toUpperCase(), payload.length);
  // @ts-expect-error A message has no text.
  console.log(message.text);
}, { last: 20 });

function show({ detail }: CustomEvent<{ state: string }>) {
  console.log(detail.state);
}

notifier.addEventListener("state", ({ detail }) => {
  if (detail.state === "idle") console.log("no subscriptions");
  // @ts-expect-error There is no such state.
  if (detail.state === "asleep") console.log("impossible");
});
notifier.addEventListener("state", show);
notifier.removeEventListener("state", show);
notifier.addEventListener("gap", ({ detail }) => console.log(detail.code.length, (detail.lost ?? 0).toFixed()));
document.addEventListener("notifier:message", ({ detail }) => console.log(detail.channel.length));
document.querySelector("notifier-list")?.addEventListener("notifier:message", ({ detail }) => console.log(detail.channel.length));
document.querySelector("notifier-toasts")!.notifier = notifier;
subscription[Symbol.dispose]();
subscription.close();

const known: Notifier | undefined = window.Notifier && new window.Notifier(new URL(location.href));
known?.close();

// @ts-expect-error Positions are kept for the session only.
new Notifier(undefined, { persist: "local" });
// @ts-expect-error A listener is required.
notifier.channel("orders.42");
