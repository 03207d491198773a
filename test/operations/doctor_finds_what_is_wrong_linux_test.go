package operations

import (
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// TestDoctor finds on a container engine's host what is not as it seems, with a
// daemon, without one, and after one that died.
func TestDoctor(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw := lab.Host("fw")
	harness.Publish(t, fw, 80, 8080, harness.IP("172.17.0.2"))
	harness.EchoOn(t, fw, harness.ParseAddrPort("198.51.100.1:22"),
		harness.ParseAddrPort("172.17.0.1:5355"), harness.ParseAddrPort("127.0.0.1:9"))
	c := harness.Nft(t, fw)
	early := nftables.ChainPriority(-5)
	other := c.AddTable(&nftables.Table{Name: "other", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "first", Table: other, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: &early})
	c.AddRule(&nftables.Rule{Table: other, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{9, 9, 9, 9}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	expect := func(what string, doc harness.Diagnosis, check, level string, words ...string) {
		t.Helper()
		if !doc.Says(check, level, words...) {
			t.Errorf("%s: no %s of %s with %q in %+v", what, level, check, words, doc.Findings)
		}
	}

	d := harness.Prepare(t, fw, harness.Example(t, "docker-host.yaml"))
	alone := d.Examined(t, "-c", d.Config)
	expect("without a daemon", alone, "daemon", "note", "nothing is filtered")
	expect("without a daemon", alone, "queue-socket", "ok")
	if !alone.Healthy || alone.Policy != d.Config {
		t.Errorf("without a daemon: %+v", alone)
	}

	d.Start()
	with := d.Examined(t)
	if !with.Healthy || with.Policy != d.Config {
		t.Errorf("with a daemon: %+v", with)
	}
	for what, doc := range map[string]harness.Diagnosis{"alone": alone, "with a daemon": with} {
		expect(what, doc, "other-chains", "note", "inet other first", "drops")
		expect(what, doc, "published-ports", "note", "tcp port 80", "172.17.0.2:8080",
			"open to the world", "0.0.0.0/0")
		expect(what, doc, "listening-ports", "warning", "5355", "docker0")
		if doc.Says("listening-ports", "warning", "port 22") ||
			doc.Says("listening-ports", "warning", "port 9 ") {
			t.Errorf("%s: a covered port is said to be open: %+v", what, doc.Findings)
		}
	}
	expect("with a daemon", with, "daemon", "ok", "enforces")
	// Looking has cut nothing and opened nothing.
	client := lab.Host("client")
	if !harness.Connects(t, client, harness.AddrPort(harness.IP("198.51.100.10"), 0),
		harness.ParseAddrPort("198.51.100.1:22"), harness.ArrivalTimeout) {
		t.Error("the office cannot connect to the port that the policy opens to it")
	}
	if harness.Connects(t, client, harness.AddrPort(harness.IP("203.0.113.10"), 0),
		harness.ParseAddrPort("198.51.100.1:22"), harness.SilenceTimeout) {
		t.Error("a stranger can connect to a port that the policy opens to the office")
	}

	d.Kill()
	dead := d.Examined(t, "-c", d.Config)
	expect("after a crash", dead, "daemon", "problem", "its table is there")
	if out, code := d.Sgfw("cleanup"); code != 0 {
		t.Errorf("cleanup: exit %d\n%s", code, out)
	}
	if after := d.Examined(t, "-c", d.Config); !after.Healthy {
		t.Errorf("after the cleanup: %+v", after)
	}
	if out, code := d.Sgfw("doctor", "-c", d.Config+".not"); code != 1 ||
		!strings.Contains(out, "no such file") {
		t.Errorf("a policy that is not there: exit %d\n%s", code, out)
	}
}
