package doctor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/filter/nft"
	"sgfw/policy/devices"
)

// Diagnose judges a machine. The findings are in the order in which a packet, and
// the reader, needs them: kernel, daemon, other programs, ports.
func Diagnose(m *Machine) api.Diagnosis {
	seen := *m
	j := &judge{Machine: &seen}
	if m.Policy != nil {
		j.Links = j.asManaged()
		j.governed = devices.Governed(m.Policy, j.facts())
	}
	j.privileges()
	j.kernel()
	j.daemon()
	j.queues()
	j.others()
	j.marks()
	j.bridges()
	j.forwarding()
	if j.policy() {
		j.ports()
	}
	doc := api.Diagnosis{Schema: api.Schema, Healthy: true, Findings: j.out}
	if m.Policy != nil {
		doc.Policy = m.PolicyFile
	}
	for _, f := range j.out {
		doc.Healthy = doc.Healthy && f.Level != api.LevelProblem
	}
	return doc
}

type judge struct {
	*Machine
	// governed are the devices that the policy manages, with the places of their entries.
	governed map[string]int
	out      []api.Finding
}

func (j *judge) add(check, level, hint, format string, a ...any) {
	j.out = append(j.out, api.Finding{
		Check: check, Level: level, Message: fmt.Sprintf(format, a...), Hint: hint})
}

func (j *judge) privileges() {
	switch {
	case j.Privileged:
		j.add("privileges", api.LevelOK, "", "CAP_NET_ADMIN is there")
	case j.Daemon != nil:
		j.add("privileges", api.LevelNote, "run it as root",
			"without CAP_NET_ADMIN other programs' tables and queues cannot be looked at")
	case errors.Is(j.DaemonErr, os.ErrPermission):
		j.add("privileges", api.LevelProblem, "run it as root",
			"CAP_NET_ADMIN is missing, and a daemon cannot be asked: whether anything is filtered cannot "+
				"be seen")
	default:
		j.add("privileges", api.LevelProblem, "run it as root",
			"CAP_NET_ADMIN is missing: neither can packets be judged nor the kernel be asked")
	}
}

// kernel is about features, as far as they were looked at.
func (j *judge) kernel() {
	loadable := "load the modules nft_queue, or xt_NFQUEUE and nft_compat"
	if j.ModulesLocked {
		loadable = "modules cannot be loaded any more (kernel.modules_disabled); load them at boot, " +
			"see modules-load.d(5)"
	}
	f := j.Features
	switch {
	case errors.Is(j.FeaturesErr, nft.ErrNoQueue):
		j.add("queue-expression", api.LevelProblem, loadable, "kernel %s: %v", j.Kernel, j.FeaturesErr)
	case errors.Is(j.FeaturesErr, os.ErrPermission):
		return // privileges has said so
	case j.FeaturesErr != nil:
		j.add("queue-expression", api.LevelProblem, "is nf_tables there?",
			"kernel %s: nftables cannot be asked: %v", j.Kernel, j.FeaturesErr)
		return
	case f.Queue == nft.QueueXT:
		j.add("queue-expression", api.LevelNote, "",
			"kernel %s lacks the native queue expression of nftables: the xtables target NFQUEUE does the "+
				"same", j.Kernel)
	default:
		j.add("queue-expression", api.LevelOK, "", "kernel %s has the native queue expression", j.Kernel)
	}
	if j.QueueErr != nil {
		j.add("queue-socket", api.LevelProblem, "load the module nfnetlink_queue",
			"no queue can be bound: %v", j.QueueErr)
	} else {
		j.add("queue-socket", api.LevelOK, "", "queues can be bound, and large packets come whole (GSO)")
	}
	switch {
	case f.CanPersist:
		j.add("table-owner", api.LevelOK, "",
			"the table can be owned, and stays closed if the daemon dies")
	case f.CanOwn:
		j.add("table-owner", api.LevelNote, "kernel 6.9 has both",
			"owned tables cannot outlive their owner here: with gone: drop the table is left unowned, and "+
				"a flush of all rules opens it until it is repaired")
	default:
		j.add("table-owner", api.LevelNote, "kernel 5.12 has owned tables",
			"tables cannot be owned here: a flush of all rules by another program opens the devices until "+
				"the table is repaired")
	}
	switch f.Reassembly {
	case nft.ReassemblyTProxy:
		j.add("reassembly", api.LevelOK, "",
			"fragments are put together before they are judged, by a tproxy expression")
	case nft.ReassemblyConntrack:
		j.add("reassembly", api.LevelNote, "the module nft_tproxy would do it for less",
			"fragments are put together by a ct expression: the kernel tracks every connection besides")
	default:
		j.add("reassembly", api.LevelWarning, "load nft_tproxy or nft_ct",
			"nothing puts fragments together: later fragments have no ports, and only rules for all "+
				"protocols permit them")
	}
	if len(f.Missing) > 0 {
		var names []string
		for _, l := range f.Missing {
			names = append(names, l.String())
		}
		j.add("failsafes", api.LevelWarning, "load the module nft_fib_inet",
			"this kernel cannot express the failsafes %s: such packets wait for a verdict",
			strings.Join(names, ", "))
	} else {
		j.add("failsafes", api.LevelOK, "",
			"all failsafes pass in the kernel, whatever becomes of the daemon")
	}
	switch j.QueueCT {
	case "y", "m":
		j.add("queue-conntrack", api.LevelOK, "",
			"the kernel could attach its conntrack state to packets; sgfw does not need it")
	case "n":
		j.add("queue-conntrack", api.LevelOK, "",
			"the kernel attaches no conntrack state to packets (NFQA_CT); sgfw does not need it")
	}
}

// others is about what meets packets before sgfw does.
func (j *judge) others() {
	if j.SurveyErr != nil {
		if !errors.Is(j.SurveyErr, os.ErrPermission) {
			j.add("other-chains", api.LevelWarning, "", "other programs' tables cannot be listed: %v",
				j.SurveyErr)
		}
		return
	}
	quiet := true
	for _, c := range j.Survey.Chains {
		if !c.Before() {
			continue
		}
		what := fmt.Sprintf("chain %s %s %s (hook %s, priority %d)", c.Family, c.Table, c.Name, c.Hook,
			c.Priority)
		when := "before sgfw"
		if c.Priority == 0 && c.Hook != "prerouting" {
			when = "before sgfw if it was made later"
		}
		switch {
		case c.Queues:
			quiet = false
			j.add("other-chains", api.LevelWarning, "two programs that answer packets must agree",
				"%s sees packets %s and hands some to an NFQUEUE", what, when)
		case c.Redirects:
			quiet = false
			j.add("other-chains", api.LevelWarning, "",
				"%s sees packets %s and takes some for local sockets (tproxy)", what, when)
		case c.Drops:
			quiet = false
			j.add("other-chains", api.LevelNote, "",
				"%s sees packets %s and drops some: what it drops sgfw neither sees nor counts", what, when)
		}
	}
	for _, f := range j.Survey.Flowtables {
		if managed := slices.DeleteFunc(slices.Clone(f.Devices),
			func(d string) bool { return !j.managed(d) }); len(managed) > 0 {
			quiet = false
			j.add("flowtables", api.LevelProblem, "take these devices out of the flowtable",
				"flowtable %s %s %s takes over forwarded flows of %s: once it has one, sgfw sees no more of "+
					"its packets",
				f.Family, f.Table, f.Name, strings.Join(managed, ", "))
		} else {
			quiet = false
			j.add("flowtables", api.LevelNote, "",
				"flowtable %s %s %s takes over forwarded flows of %s, which the policy does not manage",
				f.Family, f.Table, f.Name, strings.Join(f.Devices, ", "))
		}
	}
	if len(j.Legacy) > 0 {
		quiet = false
		j.add("legacy-iptables", api.LevelNote, "iptables-legacy-save shows them",
			"legacy iptables tables are loaded, whose rules cannot be looked at from here: %s",
			strings.Join(j.Legacy, ", "))
	}
	for _, u := range j.Survey.Unread {
		quiet = false
		j.add("other-chains", api.LevelNote, "", "not understood: %s", u)
	}
	if quiet {
		j.add("other-chains", api.LevelOK, "",
			"no other program drops, queues or steals packets before sgfw sees them")
	}
}
