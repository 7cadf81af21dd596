import { memoryS3 } from "../../../support/s3_subject.ts";
import { rolesSuite } from "./roles_suite.ts";

rolesSuite("s3", () => memoryS3());
