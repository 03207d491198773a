//go:build amd64 || arm64

package conntrack

import "unsafe"

// prefetch loads the cache line at p. Any p is allowed.
//
//go:noescape
func prefetch(p unsafe.Pointer)
