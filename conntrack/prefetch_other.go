//go:build !amd64 && !arm64

package conntrack

import "unsafe"

func prefetch(unsafe.Pointer) {}
