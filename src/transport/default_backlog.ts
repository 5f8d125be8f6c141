// The backlog of listeners where the runtime lets us choose. Runtime neutral.

/** What Linux allows by default. With 511, as Deno and Node have it, some of 1,000 clients that dial at once wait a second. */
export const DEFAULT_BACKLOG = 4_096;
