// A process that says how many files it may have open, as its transport tells. Runtime neutral.

import { writeSync } from "node:fs";
import { defaultTransport } from "../../../src/transport/default.ts";

writeSync(1, `files ${defaultTransport().traits?.maxOpenFiles}\n`);
