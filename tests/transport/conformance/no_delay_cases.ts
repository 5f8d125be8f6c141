// Conformance: what `noDelay` does, by the time that it takes. Runtime neutral.

import { assert } from "@std/assert";
import type { Bench } from "../../../src/testing/conformance/transport/bench.ts";
import type { Probe } from "../../../src/testing/conformance/transport/probe.ts";
import { benchCase, type TransportSuite } from "../../../src/testing/conformance/transport/suite.ts";

/** A peer on loopback acknowledges a lone small segment 40 ms later, once it has answered a few times. */
const DELAYED_MS = 20;
const WARM_UP_ROUNDS = 24;
const TIMED_ROUNDS = 5;

/** Declares the cases. */
export function noDelayCases(suite: TransportSuite): void {
  const behaviour = "holds small writes back if no-delay is off, and not else";
  if (process.platform === "linux") {
    for (const end of ["accepted", "dialled"] as const) {
      benchCase(suite, `${behaviour} (${end})`, async (bench) => {
        assert(await timeSecondWrite(bench, end, true) < DELAYED_MS, "no-delay");
        assert(await timeSecondWrite(bench, end, false) >= DELAYED_MS, "delay");
      });
    }
  } else suite.add(behaviour, () => {}, "the time is Linux'");
}

/** The time from one small write to the arrival of the next: the median of a few, in milliseconds. */
async function timeSecondWrite(bench: Bench, end: "accepted" | "dialled", noDelay: boolean): Promise<number> {
  const listening = await bench.listen(undefined, { noDelay });
  const dialled = await bench.dial(listening.listener.address, { noDelay });
  const accepted = await listening.accept();
  const [writer, reader] = end === "accepted" ? [accepted, dialled] : [dialled, accepted];
  for (const probe of [writer, reader]) {
    probe.checksPattern = false;
    probe.start();
  }
  const byte = new Uint8Array(1);
  const passes = async (from: Probe, to: Probe) => {
    const before = to.receivedBytes;
    await from.send(byte);
    await to.received(before + 1);
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    await passes(writer, reader);
    await passes(reader, writer);
  }
  const times: number[] = [];
  for (let round = 0; round < TIMED_ROUNDS; round++) {
    const before = reader.receivedBytes;
    const startMs = performance.now();
    await writer.send(byte);
    await reader.received(before + 1);
    await writer.send(byte);
    await reader.received(before + 2);
    times.push(performance.now() - startMs);
    await passes(reader, writer);
  }
  return times.sort((one, other) => one - other)[TIMED_ROUNDS >> 1];
}
