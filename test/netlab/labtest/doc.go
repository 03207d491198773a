// Package labtest ties a netlab network to a test. What needs root skips where
// there is none, always in the same words, unless SGFW_REQUIRE_ROOT=1 makes
// that a failure.
package labtest
