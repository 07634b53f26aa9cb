// Makes the component: `node build.mjs OUT.wasm`. `deed adapter build` runs this file.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';

const out = process.argv[2] ?? 'target/adapter.wasm';
const { component } = await componentize({
  sourcePath: 'src/adapter.js',
  witPath: 'wit',
  worldName: 'adapter',
  // `fetch`, `console`, clocks, timers and random numbers are there. The adapter receives no requests.
  disableFeatures: ['fetch-event'],
});
await mkdir(dirname(out), { recursive: true });
await writeFile(out, component);
