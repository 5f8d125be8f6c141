// The server of the position sync example, for any clock and transport: sends each player's position to all. Runtime neutral.

import { type Group, lengthPrefixed, type Session, TcpService, type TcpServiceOptions } from "@laster/net";
import { ByteReader } from "@laster/net/buffer";
import { POSITION_BYTES } from "./position_bots.ts";

/** How much is sent ahead to a player that does not read, in time; later positions wait here, the newest of each player. */
const MOST_IN_FLIGHT_MS = 300;
/** The id of a session that has not said who it is. */
export const NOBODY = -1;

/** What the server knows of a connection. */
export interface Player {
  id: number;
  x: number;
  y: number;
}

/** Where the world listens, and its limits; a test gives another clock and transport. */
export interface PositionWorldOptions
  extends Pick<TcpServiceOptions, "listeners" | "transport" | "clock" | "logger" | "random" | "observers"> {
  readonly maxPlayers: number;
  /** Positions of a player a second. */
  readonly rate: number;
}

/** A world, not started. */
export class PositionWorld {
  readonly service: TcpService<Player>;
  /** Positions that a queue did not take. */
  refused = 0;
  readonly #players: Group<Session<Player>>;
  readonly #taken = new Set<number>();
  readonly #reader = new ByteReader(new Uint8Array(POSITION_BYTES));

  constructor({ maxPlayers, rate, ...options }: PositionWorldOptions) {
    this.service = new TcpService<Player>({
      ...options,
      codec: lengthPrefixed({ maxPayloadBytes: POSITION_BYTES, controlFrames: true }),
      maxInFlightMs: MOST_IN_FLIGHT_MS,
      maxConnections: maxPlayers,
      // One write for each player and tick. A queue holds at most one position of each player, and what is being written, so
      // the default limits of bytes suffice.
      flushIntervalMs: Math.round(1_000 / rate),
      whenFull: "latest-per-key",
      createData: () => ({ id: NOBODY, x: 0, y: 0 }),
      onOpen: (session) => void this.#players.join(session),
      onMessage: (session, payload) => this.#handlePosition(session, payload),
      onClose: (session) => void this.#taken.delete(session.data.id),
    });
    this.#players = this.service.group("world");
  }

  /** Takes a position and passes it on to all, the player too: it sees when its own comes back. */
  #handlePosition(session: Session<Player>, payload: Uint8Array): void {
    const player = session.data;
    const reader = this.#reader;
    reader.reset(payload);
    const id = reader.readUint32LE();
    if (player.id === NOBODY && !this.#taken.has(id)) {
      player.id = id;
      this.#taken.add(id);
    }
    if (player.id !== id) return session.abort(); // A session must not send another player's id.
    player.x = reader.readFloat32LE();
    player.y = reader.readFloat32LE();
    this.refused += this.#players.broadcast(payload, { key: id }).refused;
  }
}
