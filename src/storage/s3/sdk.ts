/**
 * What we use of the AWS SDK for S3. Loaded on demand: it takes as long as a command's own start, and
 * reading, listing and small writes do without.
 *
 * @module
 */

export {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
