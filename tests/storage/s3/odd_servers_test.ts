import { memoryS3 } from "../../support/s3_subject.ts";
import { oddServersSuite } from "./odd_servers_suite.ts";

oddServersSuite("s3", memoryS3);
