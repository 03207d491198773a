package harness

import (
	"strings"
	"testing"
)

// Identified is what commands say that have IDs.
type Identified struct {
	Rules []struct {
		ID, Group, Direction, Protocol, Ports, Peer string
		GroupID                                     string `json:"group_id"`
		Gone                                        bool
	}
	Groups     []struct{ Name, ID string }
	Lists      []struct{ Name, ID string } `json:"prefix_lists"`
	Interfaces []struct {
		Device, Name, ID string
		Covered          []struct{ Name, ID string }
	}
}

// put enters what has an ID, and tells when it has several.
func put(t *testing.T, ids map[string]string, what, id string) {
	t.Helper()
	if was, ok := ids[what]; id == "" || ok && was != id {
		t.Errorf("%s has the ID %q, and had %q", what, id, was)
	}
	ids[what] = id
}

// Ids are the IDs of everything in force, by what it is.
func (d *Daemon) Ids(t *testing.T) map[string]string {
	t.Helper()
	var rules, status Identified
	d.Document(&rules, "rules")
	d.Document(&status, "status")
	out := make(map[string]string)
	for _, r := range rules.Rules {
		put(t, out, strings.Join([]string{r.Group, r.Direction, r.Protocol, r.Ports, r.Peer}, " "), r.ID)
		put(t, out, "group "+r.Group, r.GroupID)
	}
	for _, g := range status.Groups {
		put(t, out, "group "+g.Name, g.ID)
	}
	for _, l := range status.Lists {
		put(t, out, "list "+l.Name, l.ID)
	}
	for _, n := range status.Interfaces {
		if strings.HasSuffix(n.Device, "*") != (n.ID == "") {
			t.Errorf("interface %s has the ID %q", n.Device, n.ID)
		}
		if n.ID != "" {
			put(t, out, "device "+n.Device, n.ID)
		}
		for _, c := range n.Covered {
			put(t, out, "device "+c.Name, c.ID)
		}
	}
	seen := make(map[string]string)
	for what, id := range out {
		if other, dup := seen[id]; dup {
			t.Errorf("%s and %s both have the ID %s", what, other, id)
		}
		seen[id] = what
	}
	return out
}
