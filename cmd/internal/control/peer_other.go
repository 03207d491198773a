//go:build !linux

package control

import "net"

func lookUp(net.Conn) peer { return peer{} }
