// Package explain is the translator between the program's words and package filter.
// It turns the arguments of `sgfw explain`, `sgfw log` and `sgfw flows` into queries
// and selectors of the engine, and the engine's answers into documents of package api.
// It decides nothing about a packet itself.
package explain
