package daemon

import (
	"log/slog"

	"sgfw/cmd/internal/host/resolvers"
	"sgfw/filter/nfqueue"
)

// Config is what a daemon is started with.
type Config struct {
	// PolicyFile is read at the start and at every reload.
	PolicyFile string
	// Socket is the path of the control socket.
	Socket string
	// SocketGroup is the number of the group whose members may look at the
	// daemon, or control.NoGroup. Number 0 is root's own.
	SocketGroup int
	// StateDir is where the policy to roll back to is kept. Empty means nowhere:
	// then no policy can wait to be confirmed.
	StateDir string
	// Force starts although the SSH guard objects.
	Force bool
	// NoAdopt leaves connections that exist before the start to the rules.
	NoAdopt bool
	// Driver is the implementation of the queues; empty for the policy's choice.
	Driver nfqueue.Driver
	// Resolvers are the files that name the name servers of this machine; zero for
	// those of the system.
	Resolvers resolvers.Files
	// Past is how many bytes of memory may be taken for what began and was refused, which a dry
	// run of a reload is judged by; 0 for none.
	Past int
	// Version is what status reports.
	Version string
	// Log hears what happens; nothing on the packet path logs. Required.
	// It must not block: it is told of changes while they are under way.
	Log *slog.Logger
	// LogLost counts the lines that Log has lost; nil for none.
	LogLost func() uint64
	// Reload asks for a reload each time something arrives (SIGHUP); may be nil.
	Reload <-chan struct{}
}
