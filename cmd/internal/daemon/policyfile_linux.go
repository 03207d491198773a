package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/enforce"
	"sgfw/cmd/internal/source"
)

// retryWatch is the pause before a watch that failed is tried again.
const retryWatch = 5 * time.Second

// policyFile is the policy file of a running daemon.
type policyFile struct {
	source.File
	// reading orders reading the file and applying what it said: of two reloads the
	// later one may not end with the older text. Nothing else waits for it.
	reading sync.Mutex
	// settings wakes the task that follows the file: it may be wanted or not now.
	settings chan struct{}

	mu sync.Mutex
	// unwatched says why the file is not watched though it should be; guarded by mu.
	unwatched string
}

func (f *policyFile) setUnwatched(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unwatched = why
}

// whyUnwatched says why the file is not watched though it should be, "" if it is.
func (f *policyFile) whyUnwatched() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unwatched
}

// apply reads the policy file and puts what it says in force.
func (d *daemon) apply(c enforce.Change) (api.ReloadReply, error) {
	d.file.reading.Lock()
	defer d.file.reading.Unlock()
	c.Revision, c.ReadError = d.file.Read()
	return d.enforcer.Apply(c)
}

// followFile follows the policy file while the policy in force asks for it.
func (d *daemon) followFile(ctx context.Context) error {
	for ctx.Err() == nil {
		if !d.enforcer.Settings().Watch {
			d.file.setUnwatched("")
			select {
			case <-ctx.Done():
			case <-d.file.settings:
			}
			continue
		}
		if err := d.followUntilSettings(ctx); err != nil {
			d.file.setUnwatched(fmt.Sprintf("the policy file is not watched: %v", err))
			d.log.Error("the policy file is not watched", "error", err)
			wake(d.manager.changed)
			select {
			case <-ctx.Done():
			case <-d.file.settings:
			case <-time.After(retryWatch):
			}
		}
	}
	return nil
}

// followUntilSettings follows the policy file until the settings may say otherwise.
func (d *daemon) followUntilSettings(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.file.Follow(ctx, d.fileSettled) }()
	select {
	case <-ctx.Done():
	case <-d.file.settings:
		cancel()
	case err := <-ended:
		return err
	}
	return <-ended
}

// fileSettled reloads if the file says what was neither put in force nor refused yet.
// A file that is not there is on its way: the next change brings it.
func (d *daemon) fileSettled() {
	d.file.setUnwatched("")
	d.file.reading.Lock()
	defer d.file.reading.Unlock()
	if !d.enforcer.Settings().Watch {
		return
	}
	revision, err := d.file.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		d.enforcer.Unread(enforce.ByWatch, err)
		return
	case d.enforcer.Tried(revision):
		return
	}
	// The enforcer has logged whatever this returns.
	_, _ = d.enforcer.Apply(enforce.Change{By: enforce.ByWatch, Revision: revision})
}
