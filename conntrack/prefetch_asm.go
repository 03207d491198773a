//go:build amd64 || arm64

package conntrack

import "unsafe"

// prefetch asks for the cache line at p. Any p is allowed.
//
//go:noescape
func prefetch(p unsafe.Pointer)
