// Listens on the Unix socket that it is given, says so, and waits to be killed.

import process from "node:process";
import { serve } from "@laster/net";

await serve({ path: process.argv[2] });
console.log("listening");
