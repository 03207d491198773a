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

// statusPatience is how long status waits for a policy file to say whether it differs.
const statusPatience = 300 * time.Millisecond

// policyFile is the policy file of a running daemon.
type policyFile struct {
	*source.File
	// patience is how long a file that does not answer is waited for.
	patience time.Duration
	// reading has an element while the file is read and what it said is applied: of two
	// reloads the later one may not end with the older text. Nothing else waits for it.
	reading chan struct{}
	// settings wakes the task that follows the file: it may be wanted or not now.
	settings chan struct{}

	mu sync.Mutex
	// unwatched says why the file is not watched though it should be; guarded by mu.
	unwatched string
}

func newPolicyFile(path string) policyFile {
	return policyFile{File: source.NewFile(path), patience: source.Patience,
		reading: make(chan struct{}, 1), settings: make(chan struct{}, 1)}
}

// begin waits until nobody else reads and applies the file; it is false if ctx ends
// before.
func (f *policyFile) begin(ctx context.Context) (end func(), ok bool) {
	select {
	case f.reading <- struct{}{}:
		return func() { <-f.reading }, true
	case <-ctx.Done():
		return nil, false
	}
}

// now is what the file says now. A file that does not answer is not waited for for ever;
// somebody who writes on standard input is.
func (f *policyFile) now(ctx context.Context) (source.Revision, error) {
	if f.Name() != source.StdinName {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, f.patience)
		defer cancel()
	}
	return f.Read(ctx)
}

// again is what the file says now, for those who may ask again and again. They leave room
// for a reload.
func (f *policyFile) again(ctx context.Context) (source.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, f.patience)
	defer cancel()
	return f.Glance(ctx)
}

// glance is what the file says now, for those who cannot wait.
func (f *policyFile) glance(ctx context.Context) (source.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	return f.Glance(ctx)
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

// apply reads the policy file and puts what it says in force. If ctx ends while it waits
// for the file nothing happens; after that its end is nothing.
func (d *daemon) apply(ctx context.Context, c enforce.Change) (api.ReloadReply, error) {
	end, ok := d.file.begin(ctx)
	if !ok {
		return api.ReloadReply{}, ctx.Err()
	}
	defer end()
	c.Revision, c.ReadError = d.file.now(ctx)
	if err := ctx.Err(); err != nil {
		return api.ReloadReply{}, err // whoever asked has gone: nothing was refused
	}
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

// followUntilSettings follows the policy file until the settings may say otherwise. It
// does not wait for a mount that does not answer.
func (d *daemon) followUntilSettings(ctx context.Context) error {
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- d.file.Follow(following, func() { d.fileSettled(following) })
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	case <-d.file.settings:
		cancel()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// fileSettled reloads if the file says what was neither put in force nor refused yet.
// A file that is not there is on its way: the next change brings it. One that does not
// answer is asked again until it does: nothing will tell of that.
func (d *daemon) fileSettled(ctx context.Context) {
	d.file.setUnwatched("")
	for told := false; ; told = true {
		err := d.followed(ctx)
		if !errors.Is(err, source.ErrHangs) {
			return
		}
		if ctx.Err() == nil && !told {
			d.enforcer.Unread(enforce.ByWatch, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryWatch):
		}
	}
}

// followed reads the file and applies what is new. The error wraps source.ErrHangs if the
// file does not answer; any other but that of ctx was reported.
func (d *daemon) followed(ctx context.Context) error {
	end, ok := d.file.begin(ctx)
	if !ok {
		return ctx.Err()
	}
	defer end()
	if !d.enforcer.Settings().Watch {
		return nil
	}
	revision, err := d.file.again(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, source.ErrHangs), ctx.Err() != nil:
		return err
	case err != nil:
		d.enforcer.Unread(enforce.ByWatch, err)
		return err
	case d.enforcer.Heard(revision):
		return nil
	}
	// The enforcer has logged whatever this returns.
	_, _ = d.enforcer.Apply(enforce.Change{By: enforce.ByWatch, Revision: revision})
	return nil
}
