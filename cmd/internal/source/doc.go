// Package source is where a policy comes from: a file today.
//
// A source gives revisions of a policy and says when there may be a new one. What a
// revision means, and whether it is put in force, is decided by package enforce, the
// same way for every source.
package source
