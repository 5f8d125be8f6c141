// deferTurn() under its former place. Runtime neutral.

export { deferTurn } from "../defer.ts";
