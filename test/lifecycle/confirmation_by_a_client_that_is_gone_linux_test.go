package lifecycle

import (
	"fmt"
	"net"
	"testing"

	"sgfw/test/harness"
)

// TestConfirmationByAClientThatIsGone asks for a reload to be confirmed and hangs up without
// waiting.
func TestConfirmationByAClientThatIsGone(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "the policy of before", harness.Filtered)
	d.Write(turned)
	c, err := net.Dial("unix", d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"force":false,"confirm_seconds":5}`
	fmt.Fprintf(c, "POST /v1/reload HTTP/1.1\r\nHost: sgfw\r\nContent-Length: %d\r\n\r\n%s", len(body),
		body)
	c.Close()
	g.Turn()
	g.Soon(t, "unconfirmed", harness.Filtered)
	d.RolledBack(t)
	g.Turn()
	g.Expect(t, "rolled back", harness.Filtered)
}
