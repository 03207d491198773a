package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

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
	j.datapath(s)
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
	for _, f := range s.Failures {
		if f.Action == policy.FailAccept.String() && f.Packets > 0 {
			j.add("on-failure", api.LevelWarning, "it ends with its cause; "+
				"settings.on_failure says what becomes of packets then",
				"%s: %d packets passed that the daemon has not decided about, or keeps no flow of", f.Cause,
				f.Packets)
		}
	}
	j.keptFlows(s.Kept)
}

// keptFlows is about what a restart did to flows, and what the next one would.
func (j *judge) keptFlows(k *api.KeptStatus) {
	if k == nil {
		return
	}
	if k.Error != "" {
		j.add("kept-flows", api.LevelProblem, "make room where the control socket is",
			"the next restart of the daemon would lose the flows of now: %s", k.Error)
	}
	if k.Unused != "" {
		j.add("kept-flows", api.LevelWarning, "",
			"the flows of an earlier daemon were not taken over: %s", k.Unused)
	}
	if f := k.Taken; f != nil {
		level, left := api.LevelOK, ""
		if f.Left() > 0 {
			level = api.LevelWarning
		}
		if why := f.Why(); why != "" {
			left = "; left out: " + why
		}
		j.add("kept-flows", level, "", "%d flows of an earlier daemon go on%s", f.Restored, left)
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
