package nftables

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
)

// listed gives a ruleset to nft in a network namespace of its own, and returns what nft -j then
// says of it. eth0 and eth1 are there for chains that are bound to devices.
func listed(t *testing.T, path string) []byte {
	t.Helper()
	c := exec.Command("unshare", "-n", "sh", "-ec", "ip link add eth0 type veth peer name eth1\n"+
		"nft -f \"$0\"; nft -j list ruleset", path)
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, errors.String())
	}
	return out
}

// TestShapesAreReal: what nft says of the rulesets beside the shapes today becomes the same
// policy, with the same messages, as what the shapes have. With -update the shapes are written.
func TestShapesAreReal(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil || os.Getuid() != 0 {
		t.Skip("NOT TESTED that the shapes are what nft prints: it needs nft (nftables) and root")
	}
	paths, err := filepath.Glob("testdata/shapes/*.nft")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d rulesets: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".nft")
		json := listed(t, path)
		if flag.Lookup("update").Value.String() == "true" {
			converttest.Compare(t, name+".json", string(json))
			continue
		}
		shape, err := os.ReadFile(name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		o := convert.Options{}
		if vars, err := os.ReadFile(name + ".vars"); err == nil {
			key, value, _ := strings.Cut(strings.TrimSpace(string(vars)), "=")
			o.Vars = map[string]string{key: value}
		}
		if got, want := outcome(json, o), outcome(shape, o); got != want {
			t.Errorf("%s: what nft prints becomes\n%s\nand the shape\n%s", name, got, want)
		}
	}
}

// outcome is what becomes of a ruleset, without the places, which are others where nft says
// more of a rule.
func outcome(json []byte, o convert.Options) string {
	r := Import([]convert.Source{{Name: "ruleset.json", Data: json}}, o)
	out := ""
	for _, p := range r.Problems {
		p.Pos = policy.Pos{}
		out += p.Error() + "\n"
	}
	if r.Policy != nil {
		out += string(file.Write(r.Policy, r.Comments))
	}
	return out
}
