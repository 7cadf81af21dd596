import { memoryS3 } from "../../support/s3_subject.ts";
import { staleUploadsSuite } from "./stale_uploads_suite.ts";

staleUploadsSuite("s3", () => memoryS3());
