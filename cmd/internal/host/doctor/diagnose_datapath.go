package doctor

import (
	"fmt"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// datapath is about what judges packets, and how much passes beside it.
func (j *judge) datapath(s *api.Status) {
	why := ""
	if s.Policy.DatapathWhy != "" { // a daemon of an earlier version does not say
		why = " (" + s.Policy.DatapathWhy + ")"
	}
	switch {
	case s.Policy.Datapath == "":
	case s.Offload == nil:
		j.add("datapath", api.LevelOK, "", "%s%s: the daemon judges every packet", s.Policy.Datapath, why)
	default:
		j.add("datapath", api.LevelOK, "", "%s%s: the kernel passed %d packets by itself, %d bytes, "+
			"%d %% of all", s.Policy.Datapath, why, s.Offload.Packets, s.Offload.Bytes,
			s.Offload.Percent)
	}
}

// marks is about other programs that use the bits of marks by which verdicts speak to the
// kernel's rules.
func (j *judge) marks() {
	ours := j.markBits()
	if ours == 0 {
		return
	}
	const hint = "give sgfw other bits: settings.offload.mark_bits"
	for _, c := range j.Survey.Chains {
		if c.Marks&ours != 0 {
			j.add("mark-bits", api.LevelWarning, hint,
				"chain %s %s %s (hook %s, priority %d) sets %s of packets' marks, by which sgfw speaks to the "+
					"kernel: what is judged after that loses them", c.Family, c.Table, c.Name, c.Hook,
				c.Priority, bitsText(c.Marks&ours))
		}
	}
	for _, r := range j.MarkRoutes {
		if r.Mark&r.Mask&ours != 0 {
			j.add("mark-bits", api.LevelWarning, hint, "the rule %d of policy routing wants %s of packets' "+
				"marks, by which sgfw speaks to the kernel: what is judged before loses them", r.Priority,
				bitsText(r.Mark&r.Mask&ours))
		}
	}
}

// markBits are those of the daemon that runs, or that would with the policy; 0 for none.
func (j *judge) markBits() uint32 {
	switch {
	case j.Daemon != nil && j.Daemon.Offload != nil:
		mask := uint32(0)
		for _, bit := range j.Daemon.Offload.MarkBits {
			mask |= 1 << bit
		}
		return mask
	case j.Daemon != nil, j.Policy == nil, j.Policy.Settings.Datapath == policy.DatapathUserspace:
		return 0
	}
	return j.Policy.Settings.Offload.Mask()
}

// bitsText names the bits of a mask.
func bitsText(mask uint32) string {
	var bits []string // in their order
	for b := range policy.MaxMarkBit + 1 {
		if mask>>b&1 != 0 {
			bits = append(bits, fmt.Sprint(b))
		}
	}
	if len(bits) == 1 {
		return "bit " + bits[0]
	}
	return "bits " + strings.Join(bits, " and ")
}
