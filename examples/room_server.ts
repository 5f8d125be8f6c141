// A room with login, chat, positions at 20 Hz and a leaderboard, and a console for its admin: lines, as `nc` sends them.
// `deno task room`, `bun examples/room_server.ts`. A player who logs in again under the same name keeps position and score.

import { type AnySession, type CloseOptions, delimited, type Session, TcpService, tick } from "@laster/net";
import { Players } from "@laster/net/players";
import { parseArguments, runServer } from "./command_line.ts";
import { type FromPlayer, readFromPlayer, write } from "./room_messages.ts";

/** What is kept of a player, for as long as the server runs. */
interface Player {
  readonly name: string;
  x: number;
  y: number;
  score: number;
}

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
  admin: { value: 0, help: "port of the console, 0 for a free one", least: 0, most: 65_535 },
});
const LOGIN_MS = 5_000;
const KICK_MS = 1_000;

const known = new Map<string, Player>();
const moved = new Set<Player>();
const players = new Players<string, Player | undefined>({ close: kick("you are here from elsewhere") });

const service = new TcpService<Player | undefined>({
  listeners: [
    { hostname: options.host, port: options.port },
    { hostname: options.host, port: options.admin, name: "admin", codec: delimited() },
  ],
  onOpen: (session) => isAdmin(session) ? undefined : logIn(session),
  onMessage(session, payload) {
    if (isAdmin(session)) return obey(session, new TextDecoder().decode(payload).split(" "));
    const message = readFromPlayer(payload);
    if (message === undefined || session.data === undefined) void session.close(kick("malformed"));
    else play(session, session.data, message);
  },
});
const room = service.group("room");

tick(service, { hz: 20 }, () => {
  for (const { name, x, y } of moved) {
    room.broadcast(write({ type: "at", name, x, y }), { whenFull: "latest-per-key", key: name });
  }
  moved.clear();
});

await runServer(service);

function isAdmin({ origin }: AnySession): boolean {
  return origin.kind === "accepted" && origin.listener.name === "admin";
}

/** How a session is closed whose peer is told why. */
function kick(why: string): CloseOptions {
  return { detail: why, message: write({ type: "kick", why }), timeoutMs: KICK_MS };
}

async function logIn(session: Session<Player | undefined>): Promise<void> {
  const payload = await session.receive({ timeoutMs: LOGIN_MS, signal: session.signal }).catch(() => undefined);
  const login = payload && readFromPlayer(payload);
  if (login?.type !== "login") return void session.close(kick("no login"));
  const { name } = login;
  if (await players.claim(name, session) !== "claimed") return;
  const player = known.get(name) ?? { name, x: 0, y: 0, score: 0 };
  known.set(name, player);
  session.data = player;
  room.join(session);
  session.send(write({ type: "welcome", name, score: player.score }));
}

function play(session: Session<Player | undefined>, player: Player, message: FromPlayer): void {
  if (message.type === "say") {
    player.score++;
    room.broadcast(write({ type: "said", name: player.name, text: message.text }));
  } else if (message.type === "move") moved.add(Object.assign(player, { x: message.x, y: message.y }));
  else if (message.type === "top") {
    const best = [...known.values()].sort((one, other) => other.score - one.score).slice(0, 10);
    session.send(write({ type: "top", players: best.map(({ name, score }) => [name, score]) }));
  } else void session.close(kick("logged in already"));
}

/** `who`, `kick NAME WHY`, `say TEXT`. */
function obey(session: AnySession, [word, ...rest]: string[]): void {
  const answer = (text: string) => void session.send(new TextEncoder().encode(text));
  if (word === "who") return answer([...players.entries()].map(([name]) => name).join(" "));
  if (word === "say") {
    return answer(`${room.broadcast(write({ type: "said", name: "admin", text: rest.join(" ") })).accepted}`);
  }
  const [name = "", ...why] = rest;
  const target = word === "kick" ? players.get(name) : undefined;
  void target?.close(kick(why.join(" ")));
  answer(target === undefined ? "who, say TEXT, kick NAME WHY" : `${name} is gone`);
}
