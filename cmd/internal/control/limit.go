package control

import (
	"net"
	"sync"
)

// maxConnections bounds the connections of readers, and those of others, at
// once: one that says nothing, or reads nothing, costs the daemon a descriptor, a
// goroutine and some memory all the same.
const maxConnections = 8 * maxClients

// limited hands out at most maxConnections connections at once of those who may
// only look, and as many of others; it closes what is beyond.
type limited struct {
	net.Listener
	who  func(net.Conn) peer
	mu   sync.Mutex
	open map[bool]int // by whether the peer may change what is enforced
}

func newLimited(l net.Listener) *limited {
	return &limited{Listener: l, who: lookUp, open: make(map[bool]int)}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := l.who(c)
		l.mu.Lock()
		fits := l.open[who.mayChange()] < maxConnections
		if fits {
			l.open[who.mayChange()]++
		}
		l.mu.Unlock()
		if fits {
			return &counted{Conn: c, peer: who, from: l}, nil
		}
		// A client that asks again meets room or a clear end.
		_ = c.Close()
	}
}

// counted is a connection that has a place until it is closed.
type counted struct {
	net.Conn
	peer peer
	from *limited
	once sync.Once
}

// CloseWrite lets net/http end an answer to a request that it has not read to the
// end: a unix socket that is closed with unread bytes loses what was written.
func (c *counted) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() {
		c.from.mu.Lock()
		defer c.from.mu.Unlock()
		c.from.open[c.peer.mayChange()]--
	})
	return c.Conn.Close()
}
