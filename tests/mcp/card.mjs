// Runs the script of the card of an action with the parts of a browser that it uses, as a client that shows the card.
// Prints what the card shows after each result, as one line of JSON. Arguments: the file of the card, and the results
// as a JSON array: the first is the result of the call, and each other one answers a click on "Ask for the status".

import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const [file, results] = [process.argv[2], JSON.parse(process.argv[3])];
const script = readFileSync(file, "utf8").split("<script>")[1].split("</script>")[0];

const made = () => ({ textContent: "", hidden: true, style: {}, append() {}, replaceChildren() {} });
const elements = new Map();
const at = (id) => elements.get(id) ?? elements.set(id, made()).get(id);
const document = { getElementById: at, createElement: made, documentElement: made(), body: made() };
const [posted, listeners] = [[], []];
const parent = { postMessage: (message) => posted.push(message) };
const window = { parent, addEventListener: (_, listener) => listeners.push(listener) };
class ResizeObserver {
    observe() {}
}
runInNewContext(script, { window, document, ResizeObserver });

const turn = () => new Promise((done) => setImmediate(done));

async function say(message) {
    listeners[0]({ source: parent, origin: "https://client.example", data: { jsonrpc: "2.0", ...message } });
    await turn();
}

const shown = () => ({ status: at("status").textContent, refresh: !at("refresh").hidden });

await say({ id: posted[0].id, result: { hostCapabilities: { serverTools: {} } } });
await say({ method: "ui/notifications/tool-result", params: results[0] });
const seen = [shown()];
for (const result of results.slice(1)) {
    at("refresh").onclick();
    const { id, method, params } = posted.at(-1);
    await say({ id, result });
    seen.push({ ...shown(), asked: { method, params } });
}
console.log(JSON.stringify(seen));
