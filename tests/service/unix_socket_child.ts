// Listens on the Unix socket that it is given, says so, and waits to be killed; or, with the word "again", stops at once, listens
// there again, and ends.

import process from "node:process";
import { serve } from "@laster/net";

const [path, word] = process.argv.slice(2);
const service = await serve({ path });
if (word === "again") {
  await service.stop({ timeoutMs: 0 });
  await service.start();
  await service.stop();
} else console.log("listening");
