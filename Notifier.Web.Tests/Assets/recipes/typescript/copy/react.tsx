import { notifier } from "./notifier.js";

export function Page() {
  return (
    <main>
      <notifier-list key="list" pattern="orders.*" max={20} last="5" field="text" className="orders" aria-label="Orders" notifier={notifier} />
      <notifier-toasts channel="news" seconds={10} shared persist role="status" lang="en" data-place="end" ref={element => console.log(element)} />
    </main>
  );
}

// @ts-expect-error A pattern is a text.
export const wrongValue = <notifier-list pattern={42} />;
// @ts-expect-error There is no such attribute.
export const wrongName = <notifier-toasts patern="orders.*" />;
