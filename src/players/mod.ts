/**
 * One player, one session: which session is whose, and what becomes of a second login.
 *
 * @example Find a player's session
 * ```ts
 * import { Players } from "@laster/net/players";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new Players().get("ann"), undefined);
 * ```
 *
 * @module
 */

export { type ClaimResult, Players, type PlayersOptions } from "./players.ts";
