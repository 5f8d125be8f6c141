// The backlog of listeners where the runtime lets us choose. Runtime neutral.

/** As Linux allows by default. With 511, as Deno and Node have it, some of a thousand who dial at once get in a second later. */
export const DEFAULT_BACKLOG = 4_096;
