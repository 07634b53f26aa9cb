// Makes the component: `node build.mjs OUT.wasm`. `deed adapter build` runs this file.
//
// The default engine is SpiderMonkey. `ADAPTER_ENGINE=quickjs` selects QuickJS, whose components have about 2 MiB
// instead of 12 MiB and are compiled in a few seconds, but run long computations more slowly.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const out = process.argv[2] ?? 'target/adapter.wasm';
const source = 'src/adapter.js';
const wit = 'wit';
const world = 'adapter';

async function withSpiderMonkey() {
  const { componentize } = await import('@bytecodealliance/componentize-js');
  return componentize({
    sourcePath: source,
    witPath: wit,
    worldName: world,
    // Each feature that is left out of this list adds imports of WASI, and the grant then needs `wasi = true`.
    disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
  });
}

async function withQuickJs() {
  const { componentize } = await import('componentize-qjs');
  return componentize({
    jsSource: await readFile(source, 'utf8'),
    jsPath: source,
    moduleRoot: dirname(source),
    witPath: wit,
    world,
    stubWasi: true,
    sync: true,
  });
}

const engines = { spidermonkey: withSpiderMonkey, quickjs: withQuickJs };
const engine = process.env.ADAPTER_ENGINE ?? 'spidermonkey';
if (!(engine in engines)) {
  console.error(`ADAPTER_ENGINE is ${engine}; use one of ${Object.keys(engines).join(', ')}`);
  process.exit(1);
}
const { component } = await engines[engine]();
await mkdir(dirname(out), { recursive: true });
await writeFile(out, component);
