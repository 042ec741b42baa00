// Sends the identity of this browser to the server on request.

let lastNonce = ""; // of the server's last request

export default function ({ data, setTriggerValue }) {
  // The page may call this many times for one request; every response would start a run of its own.
  if (data.nonce === lastNonce) return;
  lastNonce = data.nonce;
  window.antlerIdentity().then((identity) => setTriggerValue("identity", identity));
}
