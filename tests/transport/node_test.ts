import { nodeTransport } from "../../src/transport/node.ts";
import { conformanceSuite } from "./conformance.ts";

conformanceSuite("node", nodeTransport, { isSystem: true, abortResets: ["tcp"] });
