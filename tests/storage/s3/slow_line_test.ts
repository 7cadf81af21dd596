import { memoryS3 } from "../../support/s3_subject.ts";
import { slowLineSuite } from "./slow_line_suite.ts";

slowLineSuite("s3, a slow line", memoryS3);
