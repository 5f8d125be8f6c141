import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { ConnectionError } from "../../src/errors.ts";
import { Delivery } from "../../src/transport/delivery.ts";

const RESET = { error: new ConnectionError("reset") };

function recorder(onCall: (call: string) => void = () => {}): {
  calls: string[];
  handler: {
    onData(buffer: Uint8Array, length: number): void;
    onEnd(): void;
    onDrain(): void;
    onClose(end: { error?: ConnectionError }): void;
  };
} {
  const calls: string[] = [];
  const record = (call: string) => {
    calls.push(call);
    onCall(call);
  };
  const handler = {
    onData: (_buffer: Uint8Array, length: number) => record(`data ${length}`),
    onEnd: () => record("end"),
    onDrain: () => record("drain"),
    onClose: (end: { error?: ConnectionError }) => record(`close ${end.error?.code}`),
  };
  return { calls, handler };
}

test("Delivery hands over data, end and close in order after start()", async () => {
  const delivery = new Delivery();
  delivery.handleData(new Uint8Array(1), 1);
  delivery.handleData(new Uint8Array(2), 2);
  delivery.handleEnd();
  delivery.handleGone({});
  const { calls, handler } = recorder();
  delivery.start(handler);
  assertEquals(calls, []);
  await Promise.resolve();
  assertEquals(calls, ["data 1", "data 2", "end", "close undefined"]);
});

test("Delivery stops between two held chunks if the handler pauses", async () => {
  const delivery = new Delivery();
  const { calls, handler } = recorder(() => delivery.pause());
  delivery.start(handler);
  delivery.pause();
  delivery.handleData(new Uint8Array(1), 1);
  delivery.handleData(new Uint8Array(2), 2);
  delivery.handleEnd();
  delivery.handleGone({});
  for (const expected of [["data 1"], ["data 1", "data 2"], ["data 1", "data 2", "end", "close undefined"]]) {
    delivery.resume();
    await Promise.resolve();
    assertEquals(calls, expected);
  }
});

test("Delivery lets a close with an error pass a pause, and drops what is held", async () => {
  const delivery = new Delivery();
  const { calls, handler } = recorder();
  delivery.start(handler);
  delivery.pause();
  delivery.handleData(new Uint8Array(1), 1);
  delivery.handleEnd();
  delivery.handleGone(RESET);
  delivery.handleGone({});
  await Promise.resolve();
  delivery.resume();
  await Promise.resolve();
  assertEquals(calls, ["close reset"]);
});

test("Delivery lets nothing but the close pass after finish(), and takes no error for it", async () => {
  const delivery = new Delivery();
  const { calls, handler } = recorder();
  delivery.start(handler);
  delivery.finish();
  delivery.handleData(new Uint8Array(1), 1);
  delivery.handleEnd();
  delivery.handleTaken();
  delivery.handleGone(RESET);
  await Promise.resolve();
  assertEquals(calls, ["close undefined"]);
});

test("Delivery keeps the order if a chunk comes while others are held", async () => {
  const delivery = new Delivery();
  const { calls, handler } = recorder();
  delivery.start(handler);
  delivery.pause();
  delivery.handleData(new Uint8Array(1), 1);
  delivery.resume();
  delivery.handleData(new Uint8Array(2), 2);
  await Promise.resolve();
  delivery.handleData(new Uint8Array(3), 3);
  assertEquals(calls, ["data 1", "data 2", "data 3"]);
});
