// Package flowfiles writes records of flow logs: to files in folders as AWS has them in S3, or
// to a stream. Whoever has records never waits for a disk; what cannot be written becomes
// SKIPDATA (F11, F14).
package flowfiles
