package test

import (
	"testing"
	"time"

	"github.com/google/nftables"
)

func TestProbe(t *testing.T) {
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "enforced", filtered)
	t.Log(queues(t, server.Host()), d.tablePort(t))
	c := d.intruder(t)
	ourTable := &nftables.Table{Family: nftables.TableFamilyINet, Name: "sgfw"}
	c.FlushTable(ourTable)
	t.Log(c.Flush())
	g.soon(t, "flushed", filtered)
	c.DelTable(ourTable)
	t.Log(c.Flush())
	g.soon(t, "deleted", filtered)
	d.unbind(t, 4270)
	time.Sleep(time.Second)
	g.soon(t, "unbound", filtered)
	out, _ := d.sgfw("status")
	t.Log(out)
	t.Log(d.log)
}
