"""Script runs of a page that are requested and have not begun, by the messages between the page and the server."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

# Keeps `scriptRuns.isExpected`: from the request of a run, or the load of the page, until the message with which the
# server begins it. The fields of messages have the numbers of Streamlit's BackMsg, ClientState and ForwardMsg.
RECORD = """(() => {
  const RERUN_SCRIPT = 11, IS_AUTO_RERUN = 6, NEW_SESSION = 4;
  const runs = window.scriptRuns = { isExpected: true };
  const fieldsOf = (bytes) => {
    const fields = new Map();
    let at = 0;
    const readNumber = () => {
      let value = 0, factor = 1, byte;
      do {
        byte = bytes[at++];
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte & 128);
      return value;
    };
    while (at < bytes.length) {
      const tag = readNumber(), type = tag & 7;
      if (type === 0) fields.set(tag >> 3, readNumber());
      else {
        const length = type === 2 ? readNumber() : type === 1 ? 8 : 4;
        fields.set(tag >> 3, bytes.subarray(at, (at += length)));
      }
    }
    return fields;
  };
  window.WebSocket = class extends WebSocket {
    constructor(...values) {
      super(...values);
      this.addEventListener("message", ({ data }) => {
        if (data instanceof ArrayBuffer && fieldsOf(new Uint8Array(data)).has(NEW_SESSION)) runs.isExpected = false;
      });
      this.addEventListener("close", () => { runs.isExpected = false; });
    }
    send(data) {
      // The server may ignore a run that a fragment requests by itself.
      const request = data instanceof Uint8Array && fieldsOf(data).get(RERUN_SCRIPT);
      if (request && !fieldsOf(request).get(IS_AUTO_RERUN)) runs.isExpected = true;
      super.send(data);
    }
  };
})()"""


def record_script_runs(context: BrowserContext) -> None:
    """Record the runs of all later pages of a browser, for `ChatPage.wait_idle`."""
    context.add_init_script(RECORD)
