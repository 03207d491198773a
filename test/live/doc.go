// Package live tests edits of a policy under live flows of every kind.
package live
