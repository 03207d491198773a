// Package mend writes what an audit finds superfluous, or wider than its use, out of a policy
// file: as a diff that leaves every other line as it is, comments and all. Each hunk says for
// which findings it is, and why nothing breaks.
package mend
