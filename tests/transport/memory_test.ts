import { memoryTransport } from "../../src/transport/memory.ts";
import { memoryConformanceSuite } from "./conformance.ts";

memoryConformanceSuite("memory", memoryTransport);
