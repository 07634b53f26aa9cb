'use strict';
// Reads the chosen files, calls the verifier (host/verify/wasm) and shows its report. Every text is set with
// textContent, and no file leaves the page.
(() => {
  // The inputs of the module, and their limits. A bundle has at most 64 MiB: one byte more is read, so that the
  // verifier refuses a larger bundle, and does not take a part of it for the whole.
  const BUNDLE = 0;
  const TRUST = 1;
  const NAME = 2;
  const BUNDLE_MAX = 64 * 1024 * 1024 + 1;
  const TRUST_MAX = 16 * 1024 * 1024;
  const NAME_MAX = 1024;
  // The files of a trust directory. Other files are ignored, as deed-verify does.
  const TRUST_FILES = ['receipt.pub', 'receipt_keys.json', 'log.vkey', 'approvers.json', 'log.policy'];
  // How many entries of a dropped directory are read, how many failed checks stand in the verdict, and how many
  // characters of a text are shown.
  const ENTRIES_MAX = 10000;
  const FAILED_MAX = 3;
  const SHOWN_MAX = 20000;
  // Characters that hide or reorder text, as in `deceives` of host/spec/src/text.rs: those of the categories for
  // control, format and unassigned characters, and those of other categories that have no shape.
  const DECEIVING = new RegExp(String.raw`[\p{C}\p{Zl}\p{Zp}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}`
    + String.raw`\u{2800}\u{3164}\u{fe00}-\u{fe0f}\u{ffa0}\u{1d159}\u{e0000}-\u{e0fff}]`, 'gu');

  // Of a bundle that was not checked, and of one for which keys are missing.
  const UNCHECKED = '? Cannot be checked';
  // By exit code: the color, the word, and what it means.
  const VERDICTS = [
    ['good', '✓ Verified', 'By the keys that you chose, signatures, log, approvals and decision are valid, and the '
      + 'evidence leads to the outcome.'],
    ['bad', '✕ Failed', 'A check failed. Do not rely on this bundle.'],
    ['waits', UNCHECKED, 'No check failed, but a key that a required check needs is not among those that you trust.'],
    ['open', '! Only partly verified', 'By the keys that you chose, signatures, log and digests are valid. The bundle is '
      + 'the copy of an agent, which has no evidence: the outcome rests on the host alone.'],
  ];
  const RESULTS = { pass: ['good', 'pass'], fail: ['bad', 'FAIL'], skip: ['open', 'skip'] };

  const element = (id) => document.getElementById(id);
  const chosen = { bundle: null, trust: null };
  // Each change of the files begins a new run. A run that is not the newest shows nothing.
  let newest = 0;
  let module = null;

  // What a person can correct, as opposed to a fault of the page.
  class Mistake extends Error {}

  // Characters that deceive are shown as their numbers, and long text is cut.
  function plain(text) {
    const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (the rest is not shown)` : text;
    return cut.replace(DECEIVING, (c) => c === '\n' ? c : `\\u{${c.codePointAt(0).toString(16)}}`);
  }

  function make(name, text, className) {
    const made = document.createElement(name);
    made.textContent = plain(text);
    if (className) made.className = className;
    return made;
  }

  // The module is compiled once. Each verification has an instance of its own.
  async function compiled() {
    const packed = Uint8Array.from(atob(element('module').textContent), (c) => c.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return WebAssembly.compile(await new Response(unpacked).arrayBuffer());
  }

  function put(exports, kind, bytes) {
    // Addresses have 32 bits, and JavaScript reads them as signed.
    const address = exports.deed_input(kind, bytes.length) >>> 0;
    if (address === 0) throw new Mistake('The files are too large.');
    new Uint8Array(exports.memory.buffer, address, bytes.length).set(bytes);
  }

  function text(exports, address, length) {
    return new TextDecoder().decode(new Uint8Array(exports.memory.buffer, address >>> 0, length >>> 0));
  }

  async function trustOf(files) {
    const total = files.reduce((sum, file) => sum + file.size, 0);
    if (total > TRUST_MAX) throw new Mistake('The files of the trust directory are larger than 16 MiB.');
    const texts = {};
    for (const file of files) {
      const bytes = await file.arrayBuffer();
      try {
        texts[file.name] = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw new Mistake(`${file.name} is not text in UTF-8.`);
      }
    }
    return new TextEncoder().encode(JSON.stringify(texts));
  }

  async function verified(bundle, trust) {
    const bytes = new Uint8Array(await bundle.slice(0, BUNDLE_MAX).arrayBuffer());
    const keys = await trustOf(trust);
    // After a failure, such as a lack of memory, the next bundle is another try.
    module ??= compiled().catch((error) => {
      module = null;
      throw error;
    });
    const { exports } = new WebAssembly.Instance(await module);
    put(exports, BUNDLE, bytes);
    put(exports, TRUST, keys);
    put(exports, NAME, new TextEncoder().encode(bundle.name.slice(0, NAME_MAX)));
    const code = exports.deed_verify();
    const output = text(exports, exports.deed_output(), exports.deed_output_len());
    if (VERDICTS[code] === undefined) throw new Mistake(output);
    return { code, report: JSON.parse(output), lines: text(exports, exports.deed_text(), exports.deed_text_len()) };
  }

  function say(color, word, ...lines) {
    const verdict = document.createElement('div');
    verdict.className = `verdict ${color}`;
    verdict.append(make('p', word, 'word'), ...lines.map((line) => make('p', line)));
    element('said').replaceChildren(verdict);
  }

  function clear() {
    element('report').hidden = true;
    for (const id of ['said', 'checks', 'outcomes', 'text']) element(id).replaceChildren();
  }

  function row(check) {
    const [color, word] = RESULTS[check.status] ?? RESULTS.fail;
    const made = document.createElement('tr');
    const cells = [['Result', word, color], ['Check', check.name], ['Finding', check.detail]];
    for (const [label, value, className] of cells) {
      const cell = make('td', value, className);
      cell.setAttribute('data-label', label);
      made.append(cell);
    }
    return made;
  }

  function show({ code, report, lines }) {
    const all = lines.split('\n');
    const failed = report.checks.filter((check) => check.status === 'fail').slice(0, FAILED_MAX);
    const reasons = failed.map((check) => `${check.name}: ${check.detail}`);
    say(...VERDICTS[code], ...reasons, all[all.length - 1]);
    const outcomes = all.slice(report.checks.length, -1);
    element('outcomes').replaceChildren(...outcomes.map((line) => make('li', line)));
    element('checks').replaceChildren(...report.checks.map(row));
    element('text').textContent = plain(lines);
    element('report').hidden = false;
  }

  function fault(error) {
    const why = error instanceof Mistake ? error.message : `The verifier failed in this browser: ${error}`;
    say('waits', UNCHECKED, 'The bundle was not checked.', why);
  }

  function names() {
    const given = chosen.trust.map((file) => file.name);
    const absent = TRUST_FILES.filter((name) => !given.includes(name));
    return `${given.join(', ')}${absent.length === 0 ? '' : ` (there is no ${absent.join(', ')})`}`;
  }

  async function update() {
    newest += 1;
    const run = newest;
    clear();
    element('chosen-bundle').textContent = chosen.bundle ? plain(chosen.bundle.name) : 'not chosen';
    element('chosen-trust').textContent = chosen.trust ? names() : 'not chosen';
    if (!chosen.bundle || !chosen.trust) return;
    element('said').replaceChildren(make('p', 'Checking…'));
    // The verifier occupies the page, so the page is drawn first.
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    try {
      const found = await verified(chosen.bundle, chosen.trust);
      if (run === newest) show(found);
    } catch (error) {
      if (run === newest) fault(error);
    }
  }

  // Sets the bundle. No file keeps the last bundle from being taken for the one that was meant.
  function takeBundle(files) {
    chosen.bundle = null;
    if (files.length > 1) throw new Mistake('There are several bundles. Choose one.');
    if (files.length === 1) [chosen.bundle] = files;
  }

  // Of a chosen directory, its own files count, and not those of directories in it.
  const isTrust = (file) => TRUST_FILES.includes(file.name) && (file.webkitRelativePath ?? '').split('/').length <= 2;

  // Replaces the trusted keys by those of these files, of which there must be at least one.
  function takeTrust(files) {
    chosen.trust = null;
    if (files.length === 0) return;
    const trust = files.filter(isTrust);
    if (trust.length === 0) throw new Mistake(`None of the files is one of ${TRUST_FILES.join(', ')}.`);
    const different = new Set(trust.map((file) => file.name));
    if (different.size < trust.length) throw new Mistake('Several files have the same name. Choose one directory.');
    chosen.trust = trust.sort((a, b) => TRUST_FILES.indexOf(a.name) - TRUST_FILES.indexOf(b.name));
  }

  function change(take, files) {
    let mistake = null;
    try {
      take(files);
    } catch (error) {
      mistake = error;
    }
    update();
    if (mistake) fault(mistake);
  }

  function entries(reader) {
    return new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
  }

  async function filesOf(directory) {
    const reader = directory.createReader();
    const found = [];
    let count = 0;
    for (let some = await entries(reader); some.length > 0; some = await entries(reader)) {
      found.push(...some.filter((entry) => entry.isFile && TRUST_FILES.includes(entry.name)));
      count += some.length;
      if (count > ENTRIES_MAX) throw new Mistake('The directory has too many files.');
    }
    return Promise.all(found.map((entry) => new Promise((resolve, reject) => { entry.file(resolve, reject); })));
  }

  // The items are gone after the first wait, so all of them are read before.
  async function dropped(items) {
    const all = Array.from(items).filter((item) => item.kind === 'file');
    const directories = all.map((item) => item.webkitGetAsEntry()).filter((entry) => entry?.isDirectory);
    const files = all.filter((item) => !item.webkitGetAsEntry()?.isDirectory).map((item) => item.getAsFile());
    try {
      for (const directory of directories) files.push(...await filesOf(directory));
    } catch (error) {
      if (error instanceof Mistake) throw error;
      throw new Mistake('The browser does not read this directory. Choose it with the button, or drop its files.');
    }
    return { files, hasDirectory: directories.length > 0 };
  }

  function takeDropped({ files, hasDirectory }) {
    const isBundle = (file) => file.name.endsWith('.deed');
    const bundles = files.filter(isBundle);
    const rest = files.filter((file) => !isBundle(file));
    if (bundles.length > 0) {
      empty('bundle');
      takeBundle(bundles);
    }
    if (rest.length === 0 && !hasDirectory) return;
    empty('directory', 'files');
    takeTrust(rest);
    if (!chosen.trust) throw new Mistake(`The directory has none of ${TRUST_FILES.join(', ')}.`);
  }

  // An input shows the name of the file that it took last, so an input whose file no longer counts is emptied.
  function empty(...ids) {
    for (const id of ids) element(id).value = '';
  }

  function listen(id, take, other) {
    element(id).addEventListener('change', (event) => {
      if (other) empty(other);
      change(take, Array.from(event.target.files));
    });
  }

  listen('bundle', takeBundle);
  listen('directory', takeTrust, 'files');
  listen('files', takeTrust, 'directory');
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dropping');
  });
  document.addEventListener('dragleave', () => { document.body.classList.remove('dropping'); });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dropping');
    dropped(event.dataTransfer.items).then((found) => { change(takeDropped, found); }, (error) => {
      change(() => {
        empty('bundle', 'directory', 'files');
        [chosen.bundle, chosen.trust] = [null, null];
        throw error;
      });
    });
  });
})();
