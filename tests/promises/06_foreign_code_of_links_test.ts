// Promise 6 for links: whatever an application's code throws or returns to keepConnected(), a link dials again until it is
// connected, and stops when it is told to. 06_foreign_code_test.ts has what a service calls.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { lengthPrefixed, type Logger, serve, silentLogger } from "@laster/net";
import { keepConnected, type KeepConnectedOptions, type Link } from "@laster/net/client";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { partOf } from "../share.ts";
import { until, within } from "../support.ts";
import { ODD_FAULTS, ODD_PROMISES, ODD_RESULTS } from "./odd_values.ts";

/** Does what is odd the first times, then gives what `usual` does. */
type Odd = <Result>(usual: () => Result) => Result;

/** A place where a link calls code that is not the package's. */
interface Place {
  /** The link's options with the odd thing in them. */
  options(odd: Odd): Partial<KeepConnectedOptions>;
  /** What the log says if it throws; nothing if there is nobody to tell. */
  readonly says?: string;
  /** Whether it fails as a rejected promise does: what it returns is waited for. */
  readonly isAwaited?: boolean;
}

function oddLogger(odd: Odd): Partial<KeepConnectedOptions> {
  const log = () => odd(() => {});
  return {
    logger: { debug: log, info: log, warn: log, error: log },
    onState() {
      throw new Error("something to log");
    },
  };
}

const PLACES: Readonly<Record<string, Place>> = {
  createData: {
    says: "Opening a session failed: {error}",
    options: (odd) => ({ createData: () => odd(() => undefined) as undefined } as Partial<KeepConnectedOptions>),
  },
  createDecoder: {
    says: "Opening a session failed: {error}",
    options: (odd) => ({
      codec: { ...lengthPrefixed(), createDecoder: () => odd(() => lengthPrefixed().createDecoder()) },
    }),
  },
  random: { options: (odd) => ({ random: () => odd(Math.random) }) },
  onConnected: {
    says: "The onConnected handler failed: {error}",
    isAwaited: true,
    options: (odd) => ({ onConnected: () => odd(() => {}) }),
  },
  onState: {
    says: "The onState handler failed: {error}",
    isAwaited: true,
    options: (odd) => ({ onState: () => odd(() => {}) }),
  },
  logger: { isAwaited: true, options: oddLogger },
};

/** How often a place does what is odd. */
const ODD_TIMES = 2;

/**
 * Has a link do without a server, then gives it one that ends its first sessions.
 *
 * @returns What the link said of it.
 */
async function provoke(place: Place, act: () => unknown): Promise<readonly string[]> {
  let acts = 0;
  const odd = <Result>(usual: () => Result): Result => acts++ < ODD_TIMES ? act() as Result : usual();
  const said = new Set<string>();
  const logger: Logger = {
    ...silentLogger(),
    error: (message, properties) => said.add(message.replace("{name}", String(properties?.name))),
  };
  const clock = new FakeClock();
  const transport = memoryTransport();
  const dial = { transport, clock, hostname: "127.0.0.1", port: 1, idleTimeoutMs: 0 };
  const link = keepConnected({ ...dial, logger, minDelayMs: 1, maxDelayMs: 1, ...place.options(odd) });
  await pass(clock, () => link.failures >= 2, "attempts that came to nothing");
  let ends = 0;
  const service = await serve({ ...dial, logger: silentLogger(), onOpen: (session) => ends++ < 3 && session.abort() });
  await pass(clock, () => acts > ODD_TIMES && isUp(link), "the link is up");
  await stop(clock, link);
  await service.stop();
  assertEquals([link.state, clock.timerCount], ["stopped", 0]);
  return [...said];
}

function isUp({ state, session }: Link): boolean {
  return state === "connected" && session?.state === "open";
}

/** Moves the time on until something is so. */
async function pass(clock: FakeClock, check: () => boolean, what: string): Promise<void> {
  let isSo = false;
  const moving = (async () => {
    while (!isSo) await clock.advance(1);
  })();
  try {
    await until(check, what, 5_000);
  } finally {
    isSo = true;
    await moving;
  }
}

async function stop(clock: FakeClock, link: Link): Promise<void> {
  let isOver = false;
  const stopping = link.stop().then(() => isOver = true);
  await pass(clock, () => isOver, "the stop");
  await within(stopping, "the stop");
}

for (const [name, place] of Object.entries(PLACES)) {
  const says = place.says === undefined ? [] : [place.says];
  test(`keepConnected() survives whatever ${name} throws`, async (context) => {
    for (const [what, make] of partOf(Object.entries(ODD_FAULTS))) {
      await context.test(what, async () => {
        const said = await provoke(place, () => {
          throw make();
        });
        assertEquals(said, says);
      });
    }
  });
  test(`keepConnected() survives whatever ${name} returns`, async (context) => {
    if (name !== "createDecoder") {
      for (const [what, make] of partOf(Object.entries(ODD_RESULTS))) {
        await context.test(what, async () => void await provoke(place, make));
      }
    }
    if (place.isAwaited !== true) return;
    for (const [what, make] of partOf(Object.entries(ODD_PROMISES))) {
      await context.test(what, async () => assertEquals(await provoke(place, make), says));
    }
  });
}
