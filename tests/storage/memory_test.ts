import { MemoryBackend } from "../../src/storage/memory.ts";
import { backendSuite } from "./backend_suite.ts";

backendSuite("memory", () =>
  Promise.resolve({
    backend: new MemoryBackend(),
    bucket: "suite",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));
