// For modules: import Notifier from "https://notifier.example.com/notifier.mjs".
import "./notifier.js";

export const Notifier = globalThis.Notifier;
export default Notifier;
