// The positions under simulation: a model for tests of a game server of one's own. Whatever the network does, nobody is heard going
// back, and everybody who stays knows the last position of all the others.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { type AnySession, ConnectError, lengthPrefixed } from "@laster/net";
import { type Scenario, simulate, type SimulatedWorld } from "@laster/net/testing";
import { POSITION_BYTES } from "../../examples/position_bots.ts";
import { PositionWorld } from "../../examples/position_world.ts";

const FIRST_SEED = Number(process.env.LASTER_SEED ?? Date.now() % 1_000_000_000);
const SEEDS = 20;
const CODEC = lengthPrefixed({ maxPayloadBytes: POSITION_BYTES, controlFrames: true });

interface Walker {
  readonly id: number;
  readonly session: AnySession;
  /** How often it has moved: its `x`. */
  steps: number;
  /** The last step of each that it has heard of. */
  readonly heard: Map<number, number>;
}

interface Positions {
  readonly world: PositionWorld;
  readonly walkers: Map<number, Walker>;
  nextId: number;
}

function positionOf(id: number, step: number): Uint8Array {
  const payload = new Uint8Array(POSITION_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, id, true);
  view.setFloat32(4, step, true);
  return payload;
}

async function join(world: SimulatedWorld, positions: Positions): Promise<void> {
  const id = positions.nextId++;
  const heard = new Map<number, number>();
  try {
    const session: AnySession = await world.connect({ port: 1, timeoutMs: 1_000 }, {
      codec: CODEC,
      heartbeat: {}, // Who stands still is not idle.
      onMessage(_session, payload) {
        const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
        const [other, step] = [view.getUint32(0, true), view.getFloat32(4, true)];
        assert(step > (heard.get(other) ?? 0), `${other} was heard going back`);
        heard.set(other, step);
        world.reach("heard");
      },
    });
    positions.walkers.set(id, { id, session, steps: 0, heard });
    session.closed.then(() => positions.walkers.delete(id));
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
  }
}

function move(positions: Positions): void {
  for (const walker of positions.walkers.values()) walker.session.send(positionOf(walker.id, ++walker.steps));
}

const POSITIONS: Scenario<Positions> = {
  async start(world) {
    const positions = new PositionWorld({ ...world.parts(), listeners: [{ port: 1 }], maxPlayers: 8, rate: 30 });
    world.adopt(positions.service);
    await positions.service.start();
    return { world: positions, walkers: new Map(), nextId: 1 };
  },
  actions: {
    join,
    move: (_world, positions) => move(positions),
    moveOn: (_world, positions) => move(positions),
    moveMuch: (_world, positions) => {
      for (let count = 0; count < 20; count++) move(positions);
    },
    leave: (_world, { walkers }, random) => {
      if (random.chance(0.3) && walkers.size > 0) void random.pick([...walkers.values()]).session.close();
    },
  },
  async end(world, positions) {
    move(positions);
    await world.sleep(20_000);
    const walkers = [...positions.walkers.values()];
    for (const { id, heard } of walkers) {
      for (const other of walkers) assertEquals(heard.get(other.id), other.steps, `${id} knows where ${other.id} is`);
    }
    for (let count = walkers.length ** 2; count > 0; count--) world.reach("known in the end");
    assertEquals(positions.world.refused, 0);
    await positions.world.service.stop();
  },
};

test(`everybody knows where everybody is in ${SEEDS} simulated worlds`, async () => {
  console.log(`seeds from ${FIRST_SEED} (LASTER_SEED=${FIRST_SEED} repeats them)`);
  let [heard, known] = [0, 0];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const { reached } = await simulate({ seed, steps: 100, scenario: POSITIONS });
    heard += reached.get("heard") ?? 0;
    known += reached.get("known in the end") ?? 0;
  }
  assert(heard > 50 * SEEDS && known > SEEDS / 4, `${heard} were heard, and ${known} known in the end`);
});
