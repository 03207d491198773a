// Package tree is a text of JSON or YAML as a tree whose parts know where they stand. It is for
// importers: what a key or a value means is theirs.
//
// Parse is for what people write, one document with aliases, merge keys and tags of YAML. A
// Reader is for what programs print: documents that follow each other, long lists in them item
// by item, so that they take little memory, and nothing that JSON cannot say.
//
// Whatever the text, reading it takes bounded time and memory, and whoever walks a tree visits
// a bounded number of nodes.
package tree
