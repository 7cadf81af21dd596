import { memoryS3 } from "../support/s3_subject.ts";
import { backendSuite } from "./backend_suite.ts";

backendSuite("s3", () => memoryS3(), { numRuns: 25 });

// All that has a byte is a multipart upload. The server wants parts of 5 MiB, as Amazon does.
backendSuite(
  "s3, parts",
  () => memoryS3({ partSize: 5 * 1024 ** 2, multipartThreshold: 1, maxBytesInMemory: 6_000_000 }),
  { numRuns: 5 },
);

backendSuite("s3, a lenient server", () => memoryS3({}, { lenient: true }), {
  withoutConditionalWrite: true,
  numRuns: 5,
});
