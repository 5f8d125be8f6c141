/**
 * A flight recorder: keeps the last bytes of all connections of a service, hands out those of one that did not end in order, as
 * text or as a capture file, and replays them to a service in memory.
 *
 * @example What a session has sent
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { FlightRecorder } from "@laster/net/recorder";
 * import { memoryTransport } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const recorder = new FlightRecorder();
 * const transport = recorder.wrap(memoryTransport());
 * await using _service = await serve({ port: 1, transport, onMessage: (session, payload) => session.send(payload) });
 * await using session = await connect({ port: 1, transport });
 * session.send(new Uint8Array([7]));
 * await session.receive();
 * assertEquals(recorder.take(session)?.sent, new Uint8Array([1, 0, 0, 0, 7]));
 * ```
 *
 * @module
 */

export { FlightRecorder, type FlightRecorderOptions, type RecordedSession } from "./flight_recorder.ts";
export {
  Recording,
  type RecordingEnd,
  type RecordingEntry,
  type RecordingParts,
  type RecordKind,
} from "./recording.ts";
export { replay, type ReplayClock, type ReplayEvent, type ReplayOptions, type ReplayResult } from "./replay.ts";
