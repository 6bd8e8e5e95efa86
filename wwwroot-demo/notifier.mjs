// For modules: import { Notifier } from "https://notifier.example.com/notifier.mjs", or from a copy of this file and notifier.js in your project.
import "./notifier.js";

export const Notifier = globalThis.Notifier;
export default Notifier;
