package metrics

import (
	"net"
	"sync"
)

// limited hands out at most maxConnections connections at once, and closes what is beyond.
type limited struct {
	net.Listener
	places chan struct{}
}

func newLimited(l net.Listener) *limited {
	return &limited{Listener: l, places: make(chan struct{}, maxConnections)}
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &counted{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = c.Close() // a clear end; Prometheus asks again
		}
	}
}

// counted is a connection that has a place until it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
