package doctor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/devices"
	"sgfw/policy/member"
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

func (j *judge) daemon() {
	s := j.Daemon
	switch {
	case s == nil:
		j.absent()
		return
	case len(s.Degraded) > 0:
		for _, why := range s.Degraded {
			j.add("daemon", api.LevelProblem, "", "the daemon (PID %d) is degraded: %s", s.PID, why)
		}
	default:
		j.add("daemon", api.LevelOK, "", "the daemon (PID %d) enforces generation %d", s.PID,
			s.Policy.Generation)
	}
	for _, w := range s.Warnings {
		j.add("devices", api.LevelWarning, w.Hint, "%s", w.Message)
	}
	if n := s.Table.Repaired; n > 0 {
		j.add("table-repairs", api.LevelWarning, "sgfw status names the culprits",
			"another program damaged the table %d times; it was repaired", n)
	}
	for _, q := range s.Queues {
		if q.Lost > 0 {
			j.add("queue-losses", api.LevelWarning, "sgfw status says how it was lost",
				"queue %d was taken away %d times", q.Number, q.Lost)
		}
		if lost := q.KernelDropped + q.UserDropped; lost > 0 {
			j.add("queue-drops", api.LevelWarning, "more queues (settings.queues.count) spread the load",
				"queue %d: the kernel dropped %d packets because the queue was full and %d because the "+
					"socket was", q.Number, q.KernelDropped, q.UserDropped)
		}
	}
	if f := s.Flows; f.RefusedFull > 0 {
		j.add("flow-table", api.LevelWarning, "raise settings.max_flows",
			"%d new flows found no room in the table of %d", f.RefusedFull, f.Max)
	}
}

// absent is about a machine whose daemon does not answer, or where there is none.
func (j *judge) absent() {
	switch err := j.DaemonErr; {
	case j.Elsewhere != nil:
		j.add("daemon", api.LevelWarning, j.lookThere(), "the daemon that listens on %s (PID %d) is in "+
			"another network namespace%s: it filters nothing here, and what is found is about this one",
			j.Socket, j.Elsewhere.PID, called(j.Elsewhere.Network))
	case errors.Is(err, os.ErrPermission):
		j.add("daemon", api.LevelNote, "", "the daemon cannot be asked: %v", err)
		return
	case err != nil && j.SilentIn != nil:
		j.add("daemon", api.LevelProblem, "", "%v; it is in another network namespace%s: it filters "+
			"nothing here, and what is found is about this one", err, called(j.SilentIn))
	case err != nil:
		j.add("daemon", api.LevelProblem, "", "%v", err)
		return
	}
	r, none := j.Remains, "no daemon is running"
	if j.Elsewhere != nil || j.SilentIn != nil {
		none = "no daemon is known here"
	}
	switch r.State {
	case api.RemainsNothing:
		j.add("daemon", api.LevelNote, "", "%s: nothing is filtered in this network namespace", none)
	case api.RemainsClosed:
		j.add("daemon", api.LevelProblem, "sgfw run enforces again, sgfw cleanup opens the machine",
			"no daemon answers, but its table is there: what goes in or out through %s is dropped, but "+
				"failsafes", strings.Join(r.Devices, ", "))
	case api.RemainsOpen:
		j.add("daemon", api.LevelProblem, "sgfw run enforces again, sgfw cleanup removes the table",
			"no daemon answers, but its table is there, and lets everything pass")
	case api.RemainsHeld:
		hint := ""
		if len(r.Sockets) > 0 {
			hint = "--socket " + r.Sockets[0] + " asks it"
		}
		j.add("daemon", api.LevelWarning, hint, "PID %d (%s) enforces here, and does not listen on %s",
			r.PID, r.Process, j.Socket)
	default:
		j.add("daemon", api.LevelNote, "run it as root",
			"nobody listens on %s; whether a table of sgfw closes the machine cannot be seen: %s", j.Socket,
			r.Why)
	}
}

// lookThere says how to look at the daemon that is elsewhere.
func (j *judge) lookThere() string {
	const here = "--socket PATH asks a daemon of this one"
	n := j.Elsewhere.Network
	switch {
	case n == nil:
		return here
	case n.Name != "":
		return fmt.Sprintf("sudo ip netns exec %s sgfw doctor looks at that one; %s", n.Name, here)
	}
	return fmt.Sprintf("sudo nsenter --net --target %d sgfw doctor looks at that one; %s",
		j.Elsewhere.PID, here)
}

// called is what a namespace is called, "" for one that is not known.
func called(n *api.Namespace) string {
	switch {
	case n == nil:
		return ""
	case n.Initial:
		return fmt.Sprintf(", the machine's own (%d)", n.Inode)
	case n.Name != "":
		return fmt.Sprintf(", %s (%d)", n.Name, n.Inode)
	}
	return fmt.Sprintf(" (%d)", n.Inode)
}

// queues is about other programs on NFQUEUE.
func (j *judge) queues() {
	if j.QueuesErr != nil {
		return
	}
	var settings policy.Settings
	if j.Policy != nil {
		settings = j.Policy.Settings
	}
	for _, q := range j.Queues {
		if q.PID != 0 && (j.Daemon != nil && q.PID == j.Daemon.PID || q.PID == j.Remains.PID) {
			continue // a daemon's own, also of one that does not answer
		}
		who := "another program"
		if q.PID != 0 {
			who = fmt.Sprintf("%s (PID %d)", q.Process, q.PID)
		}
		most := uint16(max(settings.QueueCount, 1))
		if j.Policy != nil && j.Daemon == nil && q.Number >= settings.QueueBase &&
			q.Number-settings.QueueBase < most {
			j.add("queue-owners", api.LevelProblem, "stop it, or set settings.queues.base to a free number",
				"queue %d, which the policy wants, belongs to %s", q.Number, who)
		} else {
			j.add("queue-owners", api.LevelNote, "", "queue %d belongs to %s", q.Number, who)
		}
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

func (j *judge) facts() member.Facts { return member.Facts{Links: j.Links} }

// asManaged are the devices with the altnames that they have lost, but by which the daemon
// goes on managing them.
func (j *judge) asManaged() []member.Link {
	out := slices.Clone(j.Links)
	if j.Daemon == nil {
		return out
	}
	for _, in := range j.Daemon.Interfaces {
		for _, c := range in.Covered {
			i := slices.IndexFunc(out, func(l member.Link) bool {
				return l.Index == c.Index && l.Name == c.Name
			})
			if _, there := j.facts().Named(in.Device); i < 0 || there || strings.HasSuffix(in.Device, "*") {
				continue
			}
			out[i].Altnames = append(slices.Clone(out[i].Altnames), in.Device)
		}
	}
	return out
}

// managed reports whether the policy names a device.
func (j *judge) managed(device string) bool {
	_, ok := j.governed[device]
	return ok
}

func (j *judge) forwarding() {
	guests := j.Policy != nil && slices.ContainsFunc(j.Policy.Interfaces,
		func(n policy.Interface) bool { return n.Mode == policy.ModeGuest })
	for i, family := range []string{"IPv4", "IPv6"} {
		key := []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"}[i]
		if guests && !j.Forwarding[i] {
			level := api.LevelWarning
			if i == 1 {
				level = api.LevelNote
			}
			j.add("forwarding", level, "sysctl -w "+key+"=1",
				"the policy protects guests, but this machine does not forward %s: they reach nothing but it",
				family)
		}
	}
}

// policy reports whether there is one to compare ports with.
func (j *judge) policy() bool {
	switch {
	case j.PolicyFile == "":
		j.add("policy", api.LevelNote, "-c FILE names one",
			"no policy of this network namespace is known: ports are not compared with one")
		return false
	case j.PolicyErr == nil && j.Policy == nil:
		return false
	case errors.Is(j.PolicyErr, os.ErrNotExist):
		j.add("policy", api.LevelNote, "-c FILE names another one",
			"there is no policy %s: ports are not compared with one", j.PolicyFile)
		return false
	case j.PolicyErr != nil:
		level, hint := api.LevelProblem, "sgfw check "+j.PolicyFile
		if errors.Is(j.PolicyErr, os.ErrPermission) {
			level, hint = api.LevelNote, "run it as root"
		}
		message, _, _ := strings.Cut(j.PolicyErr.Error(), "\n")
		j.add("policy", level, hint, "the policy cannot be used: %s", message)
		return false
	}
	if w := j.Writable; w.Who != "" {
		level := api.LevelNote
		if w.Who == source.Everybody {
			level = api.LevelWarning
		}
		j.add("policy", level, w.Hint(),
			"%s can change %s, and so what is enforced after the next reload", w.Who, j.PolicyFile)
	}
	if j.LinksErr != nil {
		j.add("devices", api.LevelWarning, "", "the network devices cannot be listed: %v", j.LinksErr)
		return false
	}
	for _, p := range devices.Missing(j.Policy, j.facts()) {
		if j.Daemon != nil && slices.ContainsFunc(j.Daemon.Warnings,
			func(w api.Problem) bool { return w.Message == p.Message }) {
			continue // the daemon has said so
		}
		level := api.LevelNote
		if p.Severity == policy.SeverityWarning {
			level = api.LevelWarning
		}
		j.add("devices", level, p.Hint, "%s", p.Message)
	}
	for _, p := range devices.Twins(j.Policy, j.facts()) {
		j.add("devices", api.LevelProblem, p.Hint, "%s", p.Message)
	}
	for _, p := range devices.Ports(j.Policy, j.facts(), j.Masters) {
		j.add("devices", api.LevelProblem, p.Hint, "%s", p.Message)
	}
	return true
}
