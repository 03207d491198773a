// Package architecture holds tests of the repository itself: which package may reach
// which, whether every handle that is cited is explained, and whether every path that
// a document names exists.
package architecture
