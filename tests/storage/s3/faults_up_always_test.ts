import { memoryS3 } from "../../support/s3_subject.ts";
import { faultSuite } from "./fault_suite.ts";

faultSuite("s3", () => memoryS3(), { listsUploads: true, only: "up, always" });
