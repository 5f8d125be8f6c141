// What the first byte of a message means in a soak. Runtime neutral.

/** The server sends the message back. */
export const ECHO = 0;
/** The sender joins the group whose number is the second byte. */
export const JOIN = 1;
/** The sender leaves it. */
export const LEAVE = 2;
/** From the server: sent to the members of a group. */
export const PUSH = 3;

/** How many groups there are. */
export const GROUPS = 20;
