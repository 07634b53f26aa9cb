'use strict';
(() => {
  const button = document.getElementById('make');
  const message = document.getElementById('message');
  // The fragment is taken out of the address, so that it is not in the history of the browser.
  let invitation = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
  // A link that differs by its fragment only would not load the page again.
  window.addEventListener('hashchange', () => location.reload());
  // A passkey that was made but has not signed yet.
  let made = null;

  const say = (text) => { message.textContent = text; };
  const ascii = (bytes) => String.fromCharCode(...new Uint8Array(bytes));
  const base64 = (bytes) => btoa(ascii(bytes));
  const base64url = (bytes) =>
    base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const bytesOf = (text) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

  // A request to which there was no answer that can be read.
  class Unanswered extends Error {}

  async function send(path, body) {
    const unanswered = () => { throw new Unanswered('The host cannot be reached. Try it again.'); };
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ invitation, ...body }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    }).catch(unanswered);
    const said = await answer.json().catch(unanswered);
    if (!answer.ok) {
      throw new Error(said.detail || 'The host refused the request.');
    }
    return said;
  }

  // The browser makes a key pair. No attestation is requested, because the host does not read one.
  async function create(options) {
    const created = await navigator.credentials.create({
      publicKey: {
        challenge: bytesOf(options.challenge),
        rp: { id: options.rp_id, name: options.rp_name },
        user: {
          id: bytesOf(options.user_id),
          name: options.user_name,
          displayName: `${options.user_name} of ${options.tenant}`,
        },
        // ES256 and Ed25519.
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -8 }],
        authenticatorSelection: {
          residentKey: 'required',
          requireResidentKey: true,
          userVerification: 'required',
        },
        attestation: 'none',
      },
    });
    const key = created.response.getPublicKey();
    if (key === null) {
      throw new Error('The device made a key of a kind that the host does not accept.');
    }
    return { options, rawId: created.rawId, key: base64(key) };
  }

  // The SHA-256 of `deed:enrol:v1`, a zero byte and the statement in canonical JSON, whose members are sorted. All
  // values are ASCII texts without characters that JSON escapes.
  async function challenge({ options, rawId, key }) {
    const statement = JSON.stringify({
      credential_id: base64url(rawId),
      key,
      nonce: options.challenge,
      origin: location.origin,
      person: options.user_name,
      rp_id: options.rp_id,
      tenant: options.tenant,
    });
    return crypto.subtle.digest('SHA-256', new TextEncoder().encode(`deed:enrol:v1\0${statement}`));
  }

  // The passkey signs once, which shows that the device has the private key.
  async function sign(one) {
    const signed = await navigator.credentials.get({
      publicKey: {
        challenge: await challenge(one),
        rpId: one.options.rp_id,
        allowCredentials: [{ type: 'public-key', id: one.rawId }],
        userVerification: 'required',
      },
    });
    return {
      credential_id: base64url(one.rawId),
      public_key: one.key,
      authenticator_data: base64(signed.response.authenticatorData),
      client_data: base64(signed.response.clientDataJSON),
      signature: base64(signed.response.signature),
    };
  }

  // The SHA-256 of the key in hex. It is that of the key which this browser made, whatever the host answers.
  async function fingerprintOf(key) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(key)));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  function show(fingerprint, text) {
    invitation = '';
    button.hidden = true;
    say(text);
    document.getElementById('fingerprint').textContent = fingerprint.match(/.{1,4}/g).join(' ');
    document.getElementById('result').hidden = false;
  }

  async function deliver(offered, fingerprint) {
    const received = await send(button.dataset.offer, offered).catch((error) => {
      if (!(error instanceof Unanswered)) throw error;
      return null;
    });
    if (received === null) {
      // The invitation may be used up, so the operator has to look.
      show(fingerprint, 'The host did not answer. Ask an operator whether it has received the passkey.');
    } else if (received.fingerprint === fingerprint) {
      show(fingerprint, 'The host has received the passkey.');
    } else {
      throw new Error('The host names another key than the one that this browser made. Tell an operator.');
    }
  }

  async function run() {
    button.disabled = true;
    try {
      if (made === null) {
        say('Your browser asks you to make a passkey.');
        made = await create(await send(button.dataset.options, {}));
      }
      say('Your browser asks you to use the passkey once.');
      button.textContent = 'Use the passkey once';
      const offered = await sign(made);
      const fingerprint = await fingerprintOf(made.key);
      // The host accepts a challenge once, so another attempt begins with another passkey.
      made = null;
      button.textContent = 'Make a passkey';
      await deliver(offered, fingerprint);
    } catch (error) {
      // Browsers report a refusal by the person, a timeout and a missing authenticator in the same way.
      say(error.name === 'NotAllowedError'
        ? 'The browser or the device did not complete this step. You can try it again.'
        : error.message);
      button.disabled = false;
    }
  }

  if (invitation === '') {
    say('This page needs the whole link of an invitation. Open the link that an operator gave you once more.');
  } else if (!window.isSecureContext || !window.PublicKeyCredential) {
    say('This browser cannot make passkeys on this page.');
  } else {
    button.disabled = false;
    button.addEventListener('click', run);
  }
})();
