package daemon

import (
	"context"
	"os"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/flowfiles"
	"sgfw/filter"
	windows "sgfw/filter/flowlog"
	"sgfw/policy"
)

const (
	// collectFlowLog is how often traffic is collected at least: a worker's room is for what
	// comes meanwhile.
	collectFlowLog = time.Second
	// flowLogPatience is how long the last records may take to be written when a flow log
	// ends.
	flowLogPatience = 2 * time.Second
)

// flowLog is the daemon's part in the flow log: it collects, and closes windows. It never
// waits for a disk but at its end.
type flowLog struct {
	// changed has a value when the policy may ask for another one.
	changed chan struct{}
	// wall is the calendar's clock.
	wall func() time.Time

	mu  sync.Mutex // guards what follows; not held while somebody waits for a disk
	now *logging
	// before is what ended flow logs of this run have written and lost.
	before flowfiles.Status
	// packets are in no record for want of room, since the start.
	unrecorded uint64
}

// logging is a flow log that is written.
type logging struct {
	settings policy.FlowLog
	account  *filter.Accounting
	sink     *flowfiles.Sink
	window   *windows.Window
	end      int64 // of the window, in seconds of Unix
	// looked is the ruleset whose devices the window knows.
	looked *filter.Ruleset
}

// followFlowLog writes the flow log that the policy in force asks for.
func (d *daemon) followFlowLog(ctx context.Context) error {
	for {
		d.adjustFlowLog()
		var due <-chan struct{}
		var tick <-chan time.Time
		d.flowLog.mu.Lock()
		if l := d.flowLog.now; l != nil {
			due, tick = l.account.Due(), time.After(min(collectFlowLog, l.settings.Interval/4))
		}
		d.flowLog.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil // what comes until the end is collected by endFlowLog
		case <-d.flowLog.changed:
		case <-due:
			d.collectFlowLog()
		case <-tick:
			d.collectFlowLog()
		}
	}
}

// adjustFlowLog ends a flow log that the policy does not ask for any more, and begins the one
// that it does.
func (d *daemon) adjustFlowLog() {
	f, want := &d.flowLog, d.enforcer.Settings().FlowLog
	f.mu.Lock()
	same := f.now == nil && want == (policy.FlowLog{}) || f.now != nil && f.now.settings == want
	f.mu.Unlock()
	if same {
		return
	}
	d.endFlowLog()
	if want == (policy.FlowLog{}) {
		return
	}
	sink, err := flowfiles.Open(flowfiles.Config{Log: want, Stdout: os.Stdout, Failed: d.tellFlowLog,
		Kept: d.tellOldFlowLogs})
	if err != nil { // a policy is checked before it is in force
		d.log.Error("no flow log", "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = &logging{settings: want, account: d.enforcer.Engine().Account(), sink: sink}
	f.now.open(f.wall().Unix())
	f.now.look(d.enforcer.Engine().Ruleset())
	d.log.Info("flow log", "destination", want.Destination, "id", flowfiles.ID(want),
		"traffic", string(want.Traffic), "interval", want.Interval)
}

// open begins the window that has the second now.
func (l *logging) open(now int64) {
	every := int64(l.settings.Interval / time.Second)
	l.window = windows.NewWindow(now, l.settings.Traffic, windows.MaxTraffic)
	l.end = now - now%every + every
	l.looked = nil
}

// over reports whether the window is over at the second now. It also is when the clock was
// set back to before its start: it would be open for as long again.
func (l *logging) over(now int64) bool { return now >= l.end || now < l.window.Start }

// look has the window know the devices of a ruleset, also those that are gone at its end.
func (l *logging) look(rs *filter.Ruleset) {
	if rs == l.looked {
		return
	}
	s := windows.SceneOf(rs)
	l.window.Look(&s)
	l.looked = rs
}

// collectFlowLog takes what the workers have seen to the window, and closes it when its time
// is over.
func (d *daemon) collectFlowLog() {
	f := &d.flowLog
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.now
	if l == nil {
		return
	}
	l.look(d.enforcer.Engine().Ruleset())
	l.account.Collect(l.window.Add, l.window.Miss)
	if now := f.wall(); l.over(now.Unix()) {
		d.closeWindow(l, now)
		l.open(now.Unix())
		l.look(d.enforcer.Engine().Ruleset())
	}
}

// closeWindow hands the records of the window to the sink; the caller holds mu.
func (d *daemon) closeWindow(l *logging, now time.Time) {
	clock := windows.Clock{Flows: d.enforcer.Engine().Now(), Wall: now}
	scene := windows.SceneOf(d.enforcer.Engine().Ruleset())
	l.sink.Put(l.window.Start, l.window.Close(&scene, clock))
	d.flowLog.unrecorded += l.window.Lost()
}

// endFlowLog ends the flow log, if there is one, with what has happened until now.
func (d *daemon) endFlowLog() {
	f := &d.flowLog
	f.mu.Lock()
	l := f.now
	if f.now = nil; l != nil {
		l.account.Close(l.window.Add, l.window.Miss)
		d.closeWindow(l, f.wall())
	}
	f.mu.Unlock()
	if l == nil {
		return
	}
	if !l.sink.Close(flowLogPatience) {
		d.log.Warn("the end of the flow log is lost", "destination", l.settings.Destination)
	}
	s := l.sink.Status()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before.Written += s.Written
	f.before.Lost += s.Lost
	f.before.Bytes += s.Bytes
}

// tellFlowLog logs that records are lost, or are not any more.
func (d *daemon) tellFlowLog(failure string) {
	if failure == "" {
		d.log.Info("the flow log is written again")
	} else {
		d.log.Warn("the flow log loses records", "error", failure)
	}
	wake(d.manager.changed)
}

// tellOldFlowLogs logs that old files cannot be deleted, or can again.
func (d *daemon) tellOldFlowLogs(failure string) {
	if failure == "" {
		d.log.Info("old files of the flow log are deleted again")
	} else {
		d.log.Warn("old files of the flow log stay", "error", failure)
	}
}

// flowLogStatus is what status says of the flow log, nil while there is none.
func (d *daemon) flowLogStatus() *api.FlowLogStatus {
	f := &d.flowLog
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil {
		return nil
	}
	l, s := f.now.settings, f.now.sink.Status()
	return &api.FlowLogStatus{
		ID: flowfiles.ID(l), Destination: l.Destination, FileFormat: string(l.File),
		TrafficType: string(l.Traffic), Interval: int(l.Interval / time.Second), File: s.File,
		Written: f.before.Written + s.Written, Lost: f.before.Lost + s.Lost,
		Bytes: f.before.Bytes + s.Bytes, Unrecorded: f.unrecorded + f.now.window.Lost(),
		Failure: s.Failure,
	}
}
