// Package tree is the values of a JSON or YAML text with where they stand, read in parts so
// that long answers of programs take little memory.
package tree
