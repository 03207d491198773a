package state

import (
	"bytes"
	"net"
	"testing"
	"time"

	"sgfw/test/harness"
)

// gets reads what has been sent to a connection until the bytes are among it.
func gets(c net.Conn, want []byte, wait time.Duration) bool {
	c.SetReadDeadline(time.Now().Add(wait))
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, want) {
		n, err := c.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			return bytes.Contains(got, want)
		}
	}
	return true
}

// tell writes fresh bytes.
func tell(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b := harness.Nonce()
	c.SetWriteDeadline(time.Now().Add(harness.ArrivalTimeout))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	return b
}
