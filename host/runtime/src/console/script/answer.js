// Answers by passkey on the page of a waiting action, notices when the action changes, and has the keys of the inbox.
// A key alone never answers. The page can be read without this script.
'use strict';
(() => {
  const POLL_MS = 10_000;
  const byId = (id) => document.getElementById(id);
  const watch = byId('watch');
  const answering = byId('answering');
  const buttons = ['approve', 'deny'].map(byId).filter((button) => button !== null);
  const loadedAt = Date.now();
  // Once the page is out of date, nothing enables the buttons again.
  let isOver = false;
  let isBusy = false;
  // Whether this browser can use the passkey on this page. If not, the page still notices changes.
  let isAble = false;

  const enable = () => buttons.forEach((button) => { button.disabled = isOver || isBusy || !isAble; });

  // Shows a message, with a link if there is one to follow. The message may have text from outside.
  const say = (line, text, link) => {
    if (!line) return;
    line.replaceChildren(text);
    if (!link) return;
    const anchor = document.createElement('a');
    anchor.href = link.href;
    anchor.textContent = link.text;
    line.append(' ', anchor);
  };
  const reload = { href: location.pathname, text: 'Reload' };
  const signIn = { href: watch?.dataset.signIn, text: 'Sign in' };

  const close = (text, link) => {
    isOver = true;
    enable();
    say(byId('changed'), text, link);
  };

  // A request that the host refused, with its reason.
  class Refusal extends Error {
    constructor(status, detail) {
      super(detail);
      this.status = status;
    }
  }

  const ask = async (path, options) => {
    const response = await fetch(path, { credentials: 'same-origin', redirect: 'error', ...options });
    const said = await response.json().catch(() => ({}));
    if (response.ok) return said;
    throw new Refusal(response.status, said.detail || `the host answered with status ${response.status}`);
  };
  const send = (path, body) => ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ form_token: byId('form-token').value, ...body }),
  });

  const bytes = (text) => {
    const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };
  const base64 = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(''));

  const sign = async ({ challenge, rp_id, credentials, timeout }) => {
    const allowed = credentials.map((id) => ({ type: 'public-key', id: bytes(id) }));
    const publicKey = {
      challenge: bytes(challenge), rpId: rp_id, allowCredentials: allowed, userVerification: 'required', timeout,
    };
    const { response } = await navigator.credentials.get({ publicKey });
    return {
      authenticator_data: base64(response.authenticatorData),
      client_data: base64(response.clientDataJSON),
      signature: base64(response.signature),
    };
  };

  const answer = async (decision) => {
    const reason = byId('reason').value.trim();
    const said = byId('said');
    if (decision === 'deny' && reason === '') {
      say(said, 'Write a reason for the denial.');
      byId('reason').focus();
      return;
    }
    isBusy = true;
    enable();
    try {
      const path = answering.dataset.action;
      const { shown } = watch.dataset;
      say(said, 'The host prepares the statement.');
      const wanted = await send(`${path}/statement`, { decision, role: byId('role').value, reason, shown });
      say(said, 'Confirm with your passkey.');
      const signed = await sign(wanted);
      say(said, 'The answer is sent.');
      const { recorded, place } = await send(`${path}/answer`, { payload: wanted.payload, ...signed });
      isOver = true;
      say(said, recorded, { href: place, text: 'Go on' });
      location.assign(place);
    } catch (error) {
      explain(said, error);
    } finally {
      isBusy = false;
      enable();
    }
  };

  // Says why there is no answer. What was typed stays.
  const explain = (said, error) => {
    if (error instanceof Refusal) {
      if (error.status === 401) say(said, 'Your session is over.', signIn);
      else say(said, `Not recorded: ${error.message}.`, error.status === 409 ? reload : undefined);
    } else if (error.name === 'NotAllowedError') {
      say(said, 'Nothing was signed: you cancelled, time ran out, or this device has no passkey of yours.');
    } else if (error.name === 'SecurityError') {
      say(said, 'Nothing was signed: the browser does not permit passkeys at this address.');
    } else {
      // After a lost connection, the answer may have been recorded.
      say(said, `The host cannot be reached, or the browser failed: ${error.message}.`, reload);
    }
  };

  const prepare = () => {
    const { origin, action } = answering.dataset;
    if (location.origin !== origin) {
      const there = { href: origin + action, text: 'Open the page there' };
      say(byId('said'), `Your passkey works at ${origin} only.`, there);
    } else if (!window.PublicKeyCredential) {
      say(byId('said'), 'This browser has no passkeys.');
    } else {
      isAble = true;
      say(byId('said'), '');
      buttons.forEach((button) => button.addEventListener('click', () => answer(button.id)));
    }
    enable();
  };

  // Times are differences, because the clock of this device may differ from that of the host.
  const tellTime = () => {
    if (isOver || watch.dataset.left === undefined) return;
    const seconds = Math.floor((Number(watch.dataset.left) - (Date.now() - loadedAt)) / 1000);
    if (seconds <= 0) {
      say(byId('left'), 'The request for approval has expired.');
      close('The page is out of date.', reload);
      return;
    }
    const [unit, size] = seconds < 120 ? ['s', 1] : seconds < 7200 ? ['min', 60] : ['h', 3600];
    const text = `The request for approval expires in ${Math.floor(seconds / size)} ${unit}.`;
    if (byId('left').textContent !== text) say(byId('left'), text);
  };

  const look = async () => {
    if (isOver || isBusy || document.visibilityState !== 'visible') return;
    try {
      const { status, shown } = await ask(watch.dataset.state);
      if (isBusy || isOver) return;
      if (status !== watch.dataset.status || shown !== watch.dataset.shown) {
        close('The action has changed since this page was loaded.', reload);
      }
    } catch (error) {
      // A host that cannot be reached is asked again.
      if (!(error instanceof Refusal)) return;
      if (error.status === 401) close('Your session is over.', signIn);
      if (error.status === 404) close('You can no longer see this action.');
    }
  };

  // Keys move the focus, and Enter then does what it always does.
  const step = (by) => {
    const links = [...document.querySelectorAll('main td a')];
    const next = links.indexOf(document.activeElement) + by;
    links[by < 0 && next < 0 ? 0 : Math.min(next, links.length - 1)]?.focus();
  };
  const keys = watch
    ? { a: () => byId('approve')?.focus(), d: () => byId('reason')?.focus() }
    : { j: () => step(1), k: () => step(-1) };
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof Element && event.target.closest('input, select, textarea');
    if (isTyping || event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  if (answering) prepare();
  if (watch) {
    tellTime();
    setInterval(tellTime, 1000);
    setInterval(look, POLL_MS);
    document.addEventListener('visibilitychange', look);
  }
})();
