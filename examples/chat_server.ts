// laster40Net's chat: what one says, all hear, and the sender too. `deno task chat`, `bun examples/chat_server.ts`.
//
// As in the original, passwords are not checked, nobody is told who comes and goes, and a second hello is answered with
// OK: it gives its session another account. Unlike there, an account is its session's alone: a hello fails, and the
// session stays as it was, if the account is another's, looks like another's, is longer than 64 bytes, or is no name
// (see chat_text.ts). What is no message, too long, not for a server, or said before the hello closes its session, and a
// line says why. Of what is said, control characters, line separators and what turns the writing are passed on as "?".

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
