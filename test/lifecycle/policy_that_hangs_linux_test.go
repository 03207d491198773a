package lifecycle

import (
	"cmp"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestPolicyThatHangs: the policy file becomes a pipe that nobody writes to, and one on
// a mount that does not answer, while a policy waits to be confirmed. Nothing waits for
// it: status answers, a reload is refused, the roll-back comes in time, and an ordered
// stop ends.
func TestPolicyThatHangs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		// reload is how long a refused reload may take.
		reload time.Duration
		path   func(testing.TB) string
	}{
		{"pipe", "is a pipe", 2 * time.Second, harness.Pipe},
		{"dead mount", "does not answer", 8 * time.Second, func(t testing.TB) string {
			return filepath.Join(harness.DeadMount(t), "policy.yaml")
		}},
	} {
		for _, watch := range []string{"watched", "not watched"} {
			t.Run(c.name+", "+watch, func(t *testing.T) {
				t.Parallel()
				hang := c.path(t)
				_, server, g := harness.NewPair(t)
				follow := ""
				if watch == "watched" {
					follow = "  watch: true\n"
				}
				d := harness.Enforce(t, server.Host(), harness.GatePolicy())
				d.Write(turned + follow)
				d.Must(t, 0, "reload", "--confirm", "5s")
				g.Turn()
				g.Expect(t, "unconfirmed", harness.Filtered)
				d.Link(hang)

				var reload sync.WaitGroup
				reload.Go(func() {
					begun := time.Now()
					out, code := d.Sgfw("reload")
					if took := time.Since(begun); code == 0 || !strings.Contains(out, c.says) ||
						took > c.reload {
						t.Errorf("reload: exit %d after %s\n%s", code, took, out)
					}
				})
				for range 3 {
					begun := time.Now()
					out := d.Must(t, 0, "status")
					if took := time.Since(begun); took > 1500*time.Millisecond ||
						!strings.Contains(out, "cannot be read") || !strings.Contains(out, c.says) {
						t.Errorf("status after %s:\n%s", took, out)
					}
				}
				d.RolledBack(t)
				g.Turn()
				g.Expect(t, "rolled back", harness.Filtered)
				reload.Wait()
				g.Expect(t, "reload refused", harness.Filtered)

				// One more is under way when the stop is asked for. Whether it hears of its
				// end does not matter.
				reload.Go(func() { d.Sgfw("reload") })
				time.Sleep(200 * time.Millisecond)
				begun := time.Now()
				d.Stop()
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("the ordered stop took %s", took)
				}
				reload.Wait()
				g.Expect(t, "stopped", harness.Open)
			})
		}
	}
}

// TestPolicyThatHangsAtTheStart: the start does not wait for ever, says what is wrong, and
// closes the machine: what the policy says is not known, until there is one that answers.
func TestPolicyThatHangsAtTheStart(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	for says, path := range map[string]string{
		"is a pipe":       harness.Pipe(t),
		"does not answer": filepath.Join(harness.DeadMount(t), "policy.yaml"),
	} {
		d := harness.Prepare(t, server.Host(), "")
		d.Link(path)
		d.Start()
		g.Expect(t, says, harness.Shut)
		if said := d.Must(t, 0, "status"); !strings.Contains(said, says) {
			t.Errorf("status does not say that it %s:\n%s", says, said)
		}
		d.StopsWith(1)
		g.Expect(t, "stopped", harness.Open)
		d.Start()
		d.Link(filepath.Join(t.TempDir(), "policy.yaml"))
		d.Reload(harness.GatePolicy())
		g.Expect(t, says+" no more", harness.Filtered)
		d.Stop()
	}
}

// TestPolicyThatAnswersAgain: the policy file is on a mount that does not answer for a
// while, and says the same as before once that is gone, or once the path leads elsewhere.
// Then it is as if nothing had been: status shows no refused reload any more. A text that
// was refused before is refused still.
func TestPolicyThatAnswersAgain(t *testing.T) {
	t.Parallel()
	const broken = "version: 7\n"
	for _, watch := range []string{"", "  watch: true\n"} {
		t.Run(cmp.Or(strings.TrimSpace(watch), "not watched"), func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			d := harness.Enforce(t, server.Host(), harness.GatePolicy())
			said := func(what string, ok func(out string) bool) {
				t.Helper()
				deadline := time.Now().Add(15 * time.Second)
				for ; ; time.Sleep(50 * time.Millisecond) {
					out := d.Must(t, 0, "status")
					if ok(out) {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s:\n%s", what, out)
					}
				}
			}
			for _, c := range []struct {
				text string
				code int // of a reload
				// elsewhere: the path leads to another file then, and not away from the mount.
				elsewhere bool
			}{{turned + watch, 0, false}, {turned + watch, 0, true}, {broken, 3, true}} {
				d.Write(c.text)
				d.Must(t, c.code, "reload")
				dir, gone := harness.MountThatDies(t)
				d.Link(filepath.Join(dir, "policy.yaml"))
				d.Must(t, 1, "reload")
				said("it does not answer", func(out string) bool {
					return strings.Contains(out, "\nrefused ") &&
						strings.Contains(out, "does not answer")
				})
				if c.elsewhere {
					d.Link(dir + ".yaml")
				} else {
					gone()
				}
				d.Write(c.text) // behind the link
				said("it answers as before", func(out string) bool {
					return !strings.Contains(out, "does not answer") &&
						!strings.Contains(out, "cannot be read") &&
						strings.Contains(out, "\nrefused ") == (c.code != 0)
				})
			}
			g.Turn()
			g.Expect(t, "what is in force", harness.Filtered)
		})
	}
}
