// Package process is what can be known of other processes of this machine: whether one
// goes on, in which network namespace it is, and that it holds a lock or listens.
package process
