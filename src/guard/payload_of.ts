// payloadOf(): the message that a guarded handler is called with, whichever handler of a service it is. Runtime neutral.

import { plainView } from "../buffer/plain_view.ts";

/** Gives the payload as `onMessage` has it, or a view of the range that `onMessageRange` has. */
export function payloadOf(bytes: Uint8Array, offset?: number, length: number = 0): Uint8Array {
  return offset === undefined ? bytes : plainView(bytes, offset, length);
}
