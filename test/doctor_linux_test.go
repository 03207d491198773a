package test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sgfw/test/netlab/labtest"
)

// diagnosis is what `sgfw doctor -o json` says.
type diagnosis struct {
	Schema, Policy string
	Healthy        bool
	Findings       []struct{ Check, Level, Message string }
}

// says reports whether a finding has these words.
func (d diagnosis) says(check, level string, words ...string) bool {
	for _, f := range d.Findings {
		if f.Check == check && f.Level == level && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Message, w) }) {
			return true
		}
	}
	return false
}

// examined runs the doctor, whose exit code says whether it found a problem.
func (d *daemon) examined(t *testing.T, args ...string) (doc diagnosis) {
	t.Helper()
	out, code := d.sgfw(append([]string{"doctor", "-o", "json"}, args...)...)
	text, _, _ := strings.Cut(out, "\nsgfw: ")
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("doctor: %v\n%s", err, out)
	}
	if doc.Schema != "sgfw/v1" || (code == 0) != doc.Healthy || code > 1 {
		t.Errorf("doctor: exit %d with\n%s", code, out)
	}
	return doc
}

// TestDoctor finds on a container engine's host what is not as it seems, with a
// daemon, without one, and after one that died.
func TestDoctor(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, dockerHost())
	fw := lab.Host("fw")
	publish(t, fw, 80, 8080, ip("172.17.0.2"))
	echoOn(t, fw, at("198.51.100.1:22"), at("172.17.0.1:5355"), at("127.0.0.1:9"))
	c := nft(t, fw)
	early := nftables.ChainPriority(-5)
	other := c.AddTable(&nftables.Table{Name: "other", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{Name: "first", Table: other, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: &early})
	c.AddRule(&nftables.Rule{Table: other, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{9, 9, 9, 9}}, &expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	expect := func(what string, doc diagnosis, check, level string, words ...string) {
		t.Helper()
		if !doc.says(check, level, words...) {
			t.Errorf("%s: no %s of %s with %q in %+v", what, level, check, words, doc.Findings)
		}
	}

	d := prepare(t, fw, example(t, "docker-host.yaml"))
	alone := d.examined(t, "-c", d.config)
	expect("without a daemon", alone, "daemon", "note", "nothing is filtered")
	expect("without a daemon", alone, "queue-socket", "ok")
	if !alone.Healthy || alone.Policy != d.config {
		t.Errorf("without a daemon: %+v", alone)
	}

	d.start()
	with := d.examined(t)
	if !with.Healthy || with.Policy != d.config {
		t.Errorf("with a daemon: %+v", with)
	}
	for what, doc := range map[string]diagnosis{"alone": alone, "with a daemon": with} {
		expect(what, doc, "other-chains", "note", "inet other first", "drops")
		expect(what, doc, "published-ports", "note", "tcp port 80", "172.17.0.2:8080", "open to the world", "0.0.0.0/0")
		expect(what, doc, "listening-ports", "warning", "5355", "docker0")
		if doc.says("listening-ports", "warning", "port 22") || doc.says("listening-ports", "warning", "port 9 ") {
			t.Errorf("%s: a covered port is said to be open: %+v", what, doc.Findings)
		}
	}
	expect("with a daemon", with, "daemon", "ok", "enforces")
	// Looking has cut nothing and opened nothing.
	client := lab.Host("client")
	if !connects(t, client, port(ip("198.51.100.10"), 0), at("198.51.100.1:22"), patience) {
		t.Error("the office cannot connect to the port that the policy opens to it")
	}
	if connects(t, client, port(ip("203.0.113.10"), 0), at("198.51.100.1:22"), silence) {
		t.Error("a stranger can connect to a port that the policy opens to the office")
	}

	d.kill()
	dead := d.examined(t, "-c", d.config)
	expect("after a crash", dead, "daemon", "problem", "its table is there")
	if out, code := d.sgfw("cleanup"); code != 0 {
		t.Errorf("cleanup: exit %d\n%s", code, out)
	}
	if after := d.examined(t, "-c", d.config); !after.Healthy {
		t.Errorf("after the cleanup: %+v", after)
	}
	if out, code := d.sgfw("doctor", "-c", d.config+".not"); code != 1 || !strings.Contains(out, "no such file") {
		t.Errorf("a policy that is not there: exit %d\n%s", code, out)
	}
}
