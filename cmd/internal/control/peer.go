package control

import (
	"context"
	"fmt"
	"net"
	"os"
)

// peer is who is at the other end of a connection: the numbers of a user and of a
// process, or nobody whom the kernel can name.
type peer struct {
	uid   uint32
	pid   int // of who connected, or listens; 0 in another PID namespace
	known bool
}

// mayChange says whether a peer may change what is enforced. The number is that of
// this process's user namespace, in which root of another one is not 0.
func (p peer) mayChange() bool {
	return p.known && (p.uid == 0 || int(p.uid) == os.Geteuid())
}

// String names the peer in an error.
func (p peer) String() string {
	if !p.known {
		return "somebody unknown"
	}
	return fmt.Sprintf("user %d", p.uid)
}

type peerKey struct{}

// withPeer keeps who made the connection for its requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	who := peer{}
	if c, ok := c.(*counted); ok {
		who = c.peer
	}
	return context.WithValue(ctx, peerKey{}, who)
}

// peerOf is the peer of a request, nobody if none was kept.
func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}
