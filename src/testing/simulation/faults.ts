// The faults that a simulation injects. Runtime neutral.

import type { SeededRandom } from "./seeded_random.ts";
import type { SimulatedConnection } from "./simulated_connection.ts";
import type { SimulatedLink } from "./simulated_network.ts";
import type { World } from "./world.ts";

/** How long a program hangs, or the network is silent, at most. */
const LONGEST_STALL_MS = 20_000;
const LONGEST_JUMP_MS = 3_000;
/** After how long the systems give up a connection that was cut: by keep-alive, or at the last retransmission. */
const GIVE_UP_MS = 120_000;

/**
 * What can go wrong:
 *
 * - `"reset"`: a connection breaks, and both ends hear of it.
 * - `"lost"`: a connection is cut, and nobody hears of it before the systems give up, two minutes later.
 * - `"stall"`: the program at one end reads nothing for a while, up to 20 s.
 * - `"accept-error"`: the next connections cannot be accepted.
 * - `"no-answer"`: dials are not answered for a while.
 * - `"clock-jump"`: the event loop stands still, up to 3 s.
 */
export type FaultKind = "reset" | "lost" | "stall" | "accept-error" | "no-answer" | "clock-jump";

/** All kinds of faults. */
export const FAULT_KINDS: readonly FaultKind[] = ["reset", "lost", "stall", "accept-error", "no-answer", "clock-jump"];

/** Injects a fault. */
export function inject(kind: FaultKind, world: World, random: SeededRandom): void {
  const { clock, network, trace } = world;
  network.sweep();
  const links = [...network.links];
  const link = links.length === 0 ? undefined : random.pick(links);
  const durationMs = Math.ceil(random.spread(1, LONGEST_STALL_MS));
  switch (kind) {
    case "reset":
      return link === undefined ? undefined : reset(link);
    case "lost":
      link?.dialled.lose(GIVE_UP_MS);
      return;
    case "stall":
      return link === undefined ? undefined : stall(world, random.pick([link.dialled, link.accepted]), durationMs);
    case "accept-error":
      network.failingAccepts += random.integer(1, 3);
      return;
    case "no-answer":
      network.silence(durationMs);
      return;
    case "clock-jump":
      trace.add(`stands still`);
      clock.jump(Math.min(durationMs, LONGEST_JUMP_MS));
  }
}

/** Resets both ends, as a box between them may do. */
function reset({ dialled, accepted }: SimulatedLink): void {
  dialled.out.reset();
  accepted.out.reset();
}

function stall({ trace }: World, end: SimulatedConnection, durationMs: number): void {
  trace.add(`${end.name} hangs for ${durationMs} ms`);
  end.stall(durationMs);
}
