// laster40Net's chat: each message goes to all, the sender too. `deno task chat`, `bun examples/chat_server.ts`.
//
// As in the original, passwords are not checked, nobody is told who comes and goes, and a second hello is answered with
// OK: it gives its session another account. Unlike there, only one session has an account at a time. A hello fails, and
// changes nothing, if another session has the account or one that looks alike, or if the account is longer than 64 bytes or is
// no name (see chat_text.ts). A session is closed, with a line that says why, if what it sends is no message, too long, not for
// a server, or comes before the hello. In texts, control characters, line separators and characters that change the direction
// of writing become "?".

import { ChatRoom } from "./chat_room.ts";
import { parseArguments, runServer } from "./command_line.ts";
import { ErrorLines } from "./error_lines.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

/** What peers do wrong. */
const errors = new ErrorLines();
const room = new ChatRoom({
  listeners: [{ hostname: options.host, port: options.port }],
  onFault: (line) => errors.add(line),
});
await runServer(room.service);
