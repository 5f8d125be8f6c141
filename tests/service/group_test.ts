// Groups: who is in them, who gets what, and in which order. On every transport where sockets matter.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { memoryTransport } from "@laster/net/testing";
import { bytes, startPair, text, transportsHere, until } from "../support.ts";

for (const { name, make } of transportsHere()) {
  test(`Group.broadcast() reaches its members but the excepted, and nobody else, on ${name}`, async () => {
    const heard = new Map<number, string[]>();
    await using pair = await startPair(make(), {}, {
      onOpen: (session) => heard.set(session.id, []),
      onMessage: (session, payload) => heard.get(session.id)?.push(text(payload)),
    });
    const ends = [await pair.connect(), await pair.connect(), await pair.connect(), await pair.connect()];
    const far = ends.map((end) => end.far);
    const red = pair.server.group("red");
    const blue = pair.server.group("blue");
    for (const session of far.slice(0, 3)) red.join(session);
    blue.join(far[3]);
    assertEquals(red.broadcast(bytes("red"), { except: far[1] }), { accepted: 2, congested: 0, refused: 0 });
    assertEquals(blue.broadcast(bytes("blue")), { accepted: 1, congested: 0, refused: 0 });
    assertEquals(red.broadcast(bytes("red too"), { except: [far[0], far[3]] }).accepted, 2);
    assertEquals(pair.server.broadcast(bytes("all")).accepted, 4);
    await until(() => [...heard.values()].every((list) => list.at(-1) === "all"), "the last message");
    assertEquals(ends.map(({ near }) => heard.get(near.id)), [
      ["red", "all"],
      ["red too", "all"],
      ["red", "red too", "all"],
      ["blue", "all"],
    ]);
  });
}

test("Group.join() refuses a session of another service, and says no to one that is over", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  const error = assertThrows(() => pair.server.group("red").join(near), TypeError);
  assertEquals(error.message, "Cannot join group as a session must be of the same service: current value is session 1");
  assertEquals(pair.server.group("red").join(far), true);
  await near.close();
  await far.closed;
  assertEquals([pair.server.group("red").join(near), pair.server.group("red").join(far)], [false, false]);
});

test("Group.join() and leave() say whether anything changed, and keep what was broadcast before", async () => {
  const heard: string[] = [];
  await using pair = await startPair(memoryTransport(), {}, {
    onMessage: (_session, payload) => heard.push(text(payload)),
  });
  const { far } = await pair.connect();
  const { far: other } = await pair.connect();
  const group = pair.server.group("room");
  assertEquals([group.size, group.has(far), group.leave(far)], [0, false, false]);
  assertEquals([group.join(far), group.join(far), group.has(far), group.size], [true, false, true, 1]);
  group.join(other);
  assertEquals([...group.members()], [far, other]);
  group.leave(other);
  group.broadcast(bytes("before"));
  group.broadcast(bytes("before too"));
  assertEquals([group.leave(far), group.leave(far), group.size], [true, false, 0]);
  assertEquals(group.broadcast(bytes("to nobody")), { accepted: 0, congested: 0, refused: 0 });
  assertEquals([...pair.server.groupNames()], []);
  group.join(far);
  group.broadcast(bytes("after"));
  await until(() => heard.length === 3, "the messages");
  assertEquals(heard, ["before", "before too", "after"]);
  assertEquals([...pair.server.groupNames()], ["room"]);
});

test("Group loses a session that closes, before its onClose, in all its groups", async () => {
  const sizes: number[] = [];
  await using pair = await startPair(memoryTransport(), {
    onClose(): void {
      sizes.push(pair.server.group("one").size, pair.server.group("two").size);
    },
  }, { onMessage: () => {} });
  const { far, near } = await pair.connect();
  const stays = await pair.connect();
  for (const name of ["one", "two"]) {
    pair.server.group(name).join(far);
    pair.server.group(name).join(stays.far);
  }
  near.close();
  await until(() => sizes.length > 0, "onClose");
  assertEquals(sizes, [1, 1]);
  assertEquals([pair.server.group("one").join(far), pair.server.group("one").has(far)], [false, false]);
  stays.far.abort();
  assertEquals([...pair.server.groupNames()], []);
});

test("Group.join() refuses one group too many", async () => {
  await using pair = await startPair(memoryTransport(), { maxGroups: 2 }, { onMessage: () => {} });
  const { far } = await pair.connect();
  pair.server.group("one").join(far);
  pair.server.group("two").join(far);
  assertThrows(() => pair.server.group("three").join(far), RangeError, "Cannot join group as there may be 2 groups");
  pair.server.group("one").leave(far);
  assertEquals(pair.server.group("three").join(far), true);
});

test("Session.groupNames() gives its groups in the order of joining, and none once it closes", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  const { far: other } = await pair.connect();
  assertEquals([[...far.groupNames()], [...near.groupNames()]], [[], []]);
  for (const name of ["red", "blue", "green"]) pair.server.group(name).join(far);
  pair.server.group("blue").join(other);
  pair.server.group("red").leave(far);
  pair.server.group("red").join(far);
  assertEquals([[...far.groupNames()], [...other.groupNames()]], [["blue", "green", "red"], ["blue"]]);
  for (const name of far.groupNames()) pair.server.group(name).leave(far);
  assertEquals([[...far.groupNames()], [...pair.server.groupNames()]], [[], ["blue"]]);
  await other.close();
  assertEquals([...other.groupNames()], []);
});
