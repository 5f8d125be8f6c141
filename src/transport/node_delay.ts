// switchDelayOn(): `noDelay: false` for a socket of `node:net`. Runs on Node, Bun and Deno.

/**
 * Switches no-delay off. Bun ignores the option, and ignores `setNoDelay(false)` unless no-delay was switched on by a call
 * before.
 */
export function switchDelayOn(socket: { setNoDelay(isOn: boolean): void }): void {
  socket.setNoDelay(true);
  socket.setNoDelay(false);
}
