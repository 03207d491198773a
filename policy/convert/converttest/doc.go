// Package converttest is what the tests of importers share: golden files, probes that ask
// the imported policy about packets, and what is true of every result.
package converttest
