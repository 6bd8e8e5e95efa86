import { notifier } from "./notifier.js";
import type { Notifier, NotifierSubscription } from "./vendor/notifier.mjs";

const same: Notifier = notifier;
const subscriptions: NotifierSubscription[] = [same.channel("orders.42", message => console.log(message.channel.length))];
for (const subscription of subscriptions) subscription.close();
// @ts-expect-error There is no such function.
notifier.publish("orders.42");
