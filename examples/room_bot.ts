// A player of examples/room_server.ts that walks about and chats. It connects again, as the same player, whenever its
// connection ends, until it is kicked. `deno task room:bot`, `bun examples/room_bot.ts`.

import { keepConnected } from "@laster/net/client";
import { exitWith, parseArguments } from "./command_line.ts";
import { readFromRoom, write } from "./room_messages.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "where the room is" },
  port: { value: 11_110, help: "its port", least: 1, most: 65_535 },
  name: { value: "bot", help: "its name, 1 to 16 letters, digits or _" },
  seconds: { value: 5, help: "how long it stays", least: 1, most: 86_400 },
});
let [welcomes, positions, words] = [0, 0, 0];
let why = "";

const link = keepConnected({
  hostname: options.host,
  port: options.port,
  maxFailures: 20,
  signal: AbortSignal.timeout(options.seconds * 1_000),
  onConnected: (session) => session.send(write({ type: "login", name: options.name })),
  onMessage(_session, payload) {
    const message = readFromRoom(payload);
    if (message?.type === "welcome") welcomes++;
    else if (message?.type === "at") positions++;
    else if (message?.type === "said") words++;
    else if (message?.type === "kick") {
      why = message.why;
      void link.stop();
    }
  },
});
const walk = setInterval(() => {
  const angle = performance.now() / 1_000;
  link.send(write({ type: "move", x: Math.cos(angle), y: Math.sin(angle) }), { whenFull: "latest-per-key", key: 0 });
  if (Math.random() < 0.1) link.send(write({ type: "say", text: "hello" }));
}, 50);

await link.stopped;
clearInterval(walk);
const heard = `${welcomes} welcomes, ${positions} positions, ${words} words`;
exitWith(welcomes > 0 && why === "" ? 0 : 1, why === "" ? heard : `${heard}, then kicked: ${why}`);
