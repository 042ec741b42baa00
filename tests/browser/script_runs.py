"""Script runs of a page that are requested and have not begun, by the messages between the page and the server."""

from __future__ import annotations

import json

from playwright.sync_api import BrowserContext
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

NUMBERS = {
    name: message.DESCRIPTOR.fields_by_name[name].number
    for message, name in ((BackMsg, "rerun_script"), (ClientState, "is_auto_rerun"), (ForwardMsg, "new_session"))
}
# Keeps `scriptRuns.isExpected`: from the request of a run, or the load of the page, until the message with which the
# server begins it.
RECORD = """(() => {
  const numbers = NUMBERS;
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
        const isBegun = data instanceof ArrayBuffer && fieldsOf(new Uint8Array(data)).has(numbers.new_session);
        if (isBegun) runs.isExpected = false;
      });
      this.addEventListener("close", () => { runs.isExpected = false; });
    }
    send(data) {
      // The server may ignore a run that a fragment requests by itself.
      const request = data instanceof Uint8Array && fieldsOf(data).get(numbers.rerun_script);
      if (request && !fieldsOf(request).get(numbers.is_auto_rerun)) runs.isExpected = true;
      super.send(data);
    }
  };
})()""".replace("NUMBERS", json.dumps(NUMBERS))


def record_script_runs(context: BrowserContext) -> None:
    """Record the runs of all later pages of a browser, for `ChatPage.wait_idle`."""
    context.add_init_script(RECORD)
