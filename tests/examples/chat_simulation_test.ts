// The chat under simulation: a model for tests of a game server of one's own. Whatever the network does, an account is of one
// session, nobody hears what was not said, and nothing is left of who is gone.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { type AnySession, ConnectError } from "@laster/net";
import { type Scenario, type SeededRandom, simulate, type SimulatedWorld } from "@laster/net/testing";
import { chatCodec, decodeMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { ChatRoom } from "../../examples/chat_room.ts";

const FIRST_SEED = Number(process.env.LASTER_SEED ?? Date.now() % 1_000_000_000);
const SEEDS = 30;
const ACCOUNTS = ["ann", "bob", "eve"] as const;

interface Visitor {
  readonly id: number;
  readonly session: AnySession;
  /** Lines that it has said. */
  said: number;
}

interface Chat {
  readonly room: ChatRoom;
  readonly visitors: Set<Visitor>;
  nextId: number;
}

async function join(world: SimulatedWorld, chat: Chat, random: SeededRandom): Promise<void> {
  const { visitors } = chat;
  // By visitor, not by account: who takes over the account of somebody who left may have said its line before.
  const lastOf = new Map<string, number>();
  try {
    const session: AnySession = await world.connect({ port: 1, timeoutMs: 1_000 }, {
      codec: chatCodec(),
      onMessage(_session, payload) {
        const message = decodeMessage(payload);
        if (message.kind !== "server-chat") return;
        const [id, line] = message.chatMsg.split(" ");
        assert(Number(line) > (lastOf.get(id) ?? 0), `${id} was heard twice, or out of order`);
        lastOf.set(id, Number(line));
        world.reach("heard");
      },
    });
    const visitor = { id: chat.nextId++, session, said: 0 };
    visitors.add(visitor);
    session.send(encodeMessage({ kind: "client-hello", account: random.pick(ACCOUNTS), passwd: "" }));
    session.closed.then(() => visitors.delete(visitor));
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
  }
}

function pick({ visitors }: Chat, random: SeededRandom): Visitor | undefined {
  return visitors.size === 0 ? undefined : random.pick([...visitors]);
}

function say(_world: SimulatedWorld, chat: Chat, random: SeededRandom): void {
  const visitor = pick(chat, random);
  visitor?.session.send(encodeMessage({ kind: "client-chat", chatMsg: `${visitor.id} ${++visitor.said}` }));
}

const CHAT: Scenario<Chat> = {
  async start(world) {
    const room = new ChatRoom({
      ...world.parts(),
      listeners: [{ port: 1 }],
      onFault: (line) => world.log(line),
    });
    world.adopt(room.service);
    await room.service.start();
    return { room, visitors: new Set(), nextId: 1 };
  },
  actions: {
    join,
    joinToo: join,
    hello(_world, chat, random) {
      const hello = encodeMessage({ kind: "client-hello", account: random.pick(ACCOUNTS), passwd: "" });
      pick(chat, random)?.session.send(hello);
    },
    say,
    sayMore: say,
    bye: (_world, chat, random) => void pick(chat, random)?.session.send(encodeMessage({ kind: "client-bye" })),
    vanish: (_world, chat, random) => pick(chat, random)?.session.abort(),
  },
  check(_world, { room }) {
    const names = [...room.service.sessions()].flatMap(({ data: { account } }) =>
      account === undefined ? [] : [account]
    );
    assertEquals(new Set(names).size, names.length, "an account is of one session");
    assert(room.accounts <= ACCOUNTS.length);
  },
  async end(_world, { room }) {
    await room.service.stop();
    assertEquals(room.accounts, 0, "nobody has an account any more");
  },
};

test(`the chat holds in ${SEEDS} simulated worlds`, async () => {
  console.log(`seeds from ${FIRST_SEED} (LASTER_SEED=${FIRST_SEED} repeats them)`);
  let heard = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const { reached } = await simulate({ seed, steps: 120, scenario: CHAT });
    heard += reached.get("heard") ?? 0;
  }
  assert(heard > 2 * SEEDS, `${heard} lines were heard`);
});
