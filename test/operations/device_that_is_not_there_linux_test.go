package operations

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestDeviceThatIsNotThere: whoever asks hears that a policy filters nothing, and what was
// probably meant: check, run, reload, status and doctor.
func TestDeviceThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	const (
		nothing = "nothing is filtered: no device Eth0"
		hint    = "did you mean eth0?"
		told    = nothing + " (hint: " + hint + ")"
	)
	d := harness.Prepare(t, server.Host(), harness.GateOn([]string{"Eth0"}))
	tell := func(what, out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", what, w, out)
			}
		}
	}
	tell("check", d.Must(t, 0, "check", d.Config), "warning: "+told, "is valid", "--elsewhere")
	tell("check -o json", d.Must(t, 0, "check", d.Config, "-o", "json"), `"message": "`+nothing+`"`,
		`"hint": "`+hint+`"`)
	for _, quiet := range []string{"--quiet", "--elsewhere"} {
		if out := d.Must(t, 0, "check", quiet, d.Config); strings.Contains(out, "Eth0") {
			t.Errorf("check %s: %s", quiet, out)
		}
	}
	if doc := d.Examined(t, "-c", d.Config); !doc.Says("devices", "warning", nothing) {
		t.Errorf("the doctor without a daemon: %+v", doc.Findings)
	}

	d.Start()
	g.Expect(t, "no device of the policy is there", harness.Open)
	tell("run", d.Log.String(), "level=WARN", nothing, `interfaces="0 of 1"`)
	if s := d.Status(); !s.Warns(nothing) || len(s.Degraded) > 0 {
		t.Errorf("status: %+v", s)
	}
	tell("status", d.Must(t, 0, "status"), told, "no such device: filters nothing")
	if doc := d.Examined(t); !doc.Says("devices", "warning", nothing) {
		t.Errorf("the doctor: %+v", doc.Findings)
	}
	tell("reload", d.Must(t, 0, "reload"), "warning: "+told)
	tell("reload -o json", d.Must(t, 0, "reload", "-o", "json"), nothing, hint)

	// One of several: it is said which one. A guest may come later.
	some := strings.Replace(harness.GateOn([]string{"eth0", "eth9"}), "settings:",
		"  - { device: tap7, mode: guest, security_groups: [state] }\nsettings:", 1)
	d.Write(some)
	tell("reload", d.Must(t, 0, "reload"),
		"warning: interface eth9 filters nothing: no device eth9 (hint: this machine has eth0)",
		"notice: no device tap7 yet: it is filtered as soon as it appears")
	g.Expect(t, "one is there", harness.Filtered)
	if s := d.Status(); len(s.Warnings) != 1 || !s.Warns("interface eth9 filters nothing") {
		t.Errorf("status: %+v", s.Warnings)
	}
	tell("status", d.Must(t, 0, "status"), "not there yet")

	// A device that comes is no longer told of.
	harness.NewBridge(t, server.Host(), "eth9", nil)
	d.Becomes(t, "eth9", func(s harness.StatusDocument) bool {
		return s.Covers("eth9") && len(s.Warnings) == 0
	})
	tell("the log", d.Log.String(), "the device is there and is filtered", "device=eth9")
}

// TestTwoNamesOfOneDevice: two entries for one device are an error of check and reload. Where
// the second name comes while the daemon runs, the entry of the first goes on judging.
func TestTwoNamesOfOneDevice(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	two := strings.NewReplacer("security_groups:\n  - name: state", `security_groups:
  - name: everything
    description: Everything
    ingress: [{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - name: state`,
		"interfaces:\n", "interfaces:\n  - { device: lan, security_groups: [everything] }\n",
	).Replace(harness.GatePolicy())
	const said = "lan and eth0 are one device"
	d := harness.Enforce(t, server.Host(), two)
	g.Expect(t, "before", harness.Filtered)
	h := server.Host().Netlink()
	if err := h.LinkAddAltName(harness.Link(t, server.Host(), "eth0"), "lan"); err != nil {
		t.Fatal(err)
	}
	d.Becomes(t, "the other name", func(s harness.StatusDocument) bool {
		return len(s.Degraded) == 1 && strings.HasPrefix(s.Degraded[0], said)
	})
	g.Expect(t, "with the other name", harness.Filtered)
	for _, command := range [][]string{{"check", d.Config}, {"reload"}, {"reload", "--dry-run"}} {
		if out := d.Must(t, 3, command...); !strings.Contains(out, said) ||
			!strings.Contains(out, "policy.yaml:") {
			t.Errorf("%v: %s", command, out)
		}
	}
	if doc := d.Examined(t); doc.Healthy || !doc.Says("devices", "problem", said) {
		t.Errorf("the doctor: %+v", doc.Findings)
	}
	g.Expect(t, "after the refusal", harness.Filtered)

	// What a reload refuses a start takes, for the machine would be open, or closed.
	d.Stop()
	d.Start()
	g.Expect(t, "started with both names", harness.Filtered)
	if s := d.Status(); len(s.Degraded) != 1 {
		t.Errorf("degraded: %q", s.Degraded)
	}
	d.ReloadNow(harness.GateOn([]string{"lan"}))
	g.Expect(t, "the altname alone", harness.Filtered)
	out := d.Must(t, 0, "explain", "-i", "eth0", "-p", "udp", "--from", g.Far[0].String(),
		"--to", ":1001")
	if !strings.Contains(out, "lan") {
		t.Errorf("explain calls the device something else: %s", out)
	}
	if out := d.Must(t, 0, "flows", "-i", "eth0"); !strings.Contains(out, "lan") {
		t.Errorf("the flows of eth0 are those of lan: %s", out)
	}
}
