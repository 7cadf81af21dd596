import { realS3, realServer } from "../support/s3_subject.ts";
import { faultSuite } from "../storage/s3/fault_suite.ts";
import { backendSuite } from "../storage/backend_suite.ts";
import { encodedSuite } from "../storage/s3/encoded_suite.ts";
import { oddServersSuite } from "../storage/s3/odd_servers_suite.ts";
import { presignedSuite } from "../storage/s3/presigned_suite.ts";
import { slowLineSuite } from "../storage/s3/slow_line_suite.ts";
import { staleUploadsSuite } from "../storage/s3/stale_uploads_suite.ts";

if (realServer() !== undefined) {
  backendSuite("ceph", () => realS3(), { withoutConditionalWrite: true, numRuns: 10 });
  backendSuite(
    "ceph, parts",
    () => realS3({ partSize: 65_536, multipartThreshold: 65_536, maxBytesInMemory: 200_000 }),
    { withoutConditionalWrite: true, numRuns: 3 },
  );
  faultSuite("ceph", () => realS3(), { listsUploads: true });
  encodedSuite("ceph", () => realS3());
  presignedSuite("ceph", () => realS3(), { checksSignatures: true });
  staleUploadsSuite("ceph", () => realS3());
  oddServersSuite("ceph", realS3);
  slowLineSuite("ceph, a slow line", () => realS3());
}
