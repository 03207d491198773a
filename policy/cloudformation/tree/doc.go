// Package tree is a text of JSON or YAML as a tree whose parts know where they stand. It is for
// importers: what a key or a value means is theirs.
//
// Aliases and merge keys of YAML are followed, and bounded, so that whoever walks a tree
// visits a bounded number of nodes.
package tree
