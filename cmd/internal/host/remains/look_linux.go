package remains

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/process"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
)

// Look looks at the network namespace of the calling thread. It needs CAP_NET_ADMIN.
func Look() api.Remains {
	s, err := nft.Inspect()
	switch {
	case errors.Is(err, os.ErrPermission):
		return api.Remains{State: api.RemainsUnknown, Why: "only root may look"}
	case err != nil:
		return api.Remains{State: api.RemainsUnknown, Why: err.Error()}
	case len(s.Tables) == 0:
		return api.Remains{State: api.RemainsNothing}
	}
	r := api.Remains{Tables: s.Tables, Devices: s.Devices}
	for _, n := range s.Numbers {
		if d, err := net.InterfaceByIndex(int(n)); err == nil && !slices.Contains(r.Devices, d.Name) {
			r.Devices = append(r.Devices, d.Name)
		}
	}
	reader, name := reader(s)
	switch {
	case s.Owner != nil:
		r.State, r.PID = api.RemainsHeld, s.Owner.PID
	// A table without an owner, as kernels before 5.12 have them.
	case reader != 0 && !s.Drops:
		r.State, r.PID, r.Process = api.RemainsHeld, reader, name
	case len(r.Devices) == 0, s.Bypass && !s.Drops:
		r.State = api.RemainsOpen
	default:
		r.State = api.RemainsClosed
	}
	if r.PID != 0 {
		r.Sockets = process.Sockets(r.PID)
		if r.Process == "" {
			comm, _ := os.ReadFile(process.Path(r.PID, "comm"))
			r.Process = strings.TrimSpace(string(comm))
		}
	}
	return r
}

// reader is a process that reads one of the queues which the tables fill, 0 for none.
func reader(s nft.Standing) (pid int, name string) {
	list, _ := nfqueue.ReadKernelQueues()
	for _, q := range list {
		if q.Queue < s.QueueBase || q.Queue-s.QueueBase >= s.QueueCount {
			continue
		}
		if pid, name = q.Holder(); pid != 0 {
			return pid, name
		}
	}
	return 0, ""
}
