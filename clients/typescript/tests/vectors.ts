// Verifies the bundles in a folder of test vectors, and prints a line of JSON for each: file, exit code, report.

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

import { loadVerifier } from "../src/index.ts";

const [wasm = "", root = ""] = process.argv.slice(2);
const verifier = await loadVerifier(readFileSync(wasm));
const names = readdirSync(`${root}/trust`);
const trust = Object.fromEntries(names.map((name) => [name, readFileSync(`${root}/trust/${name}`, "utf8")]));
const vectors = JSON.parse(readFileSync(`${root}/index.json`, "utf8")) as { file: string }[];
for (const { file } of vectors) {
  const { exitCode, report } = verifier.verify(readFileSync(`${root}/${file}`), trust);
  console.log(JSON.stringify([file, exitCode, report]));
}
