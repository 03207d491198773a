package flowfiles

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// waiting is how many windows can wait for the disk.
const waiting = 4

// works is the failure of a sink that has none.
const works = ""

// Config says where records go.
type Config struct {
	Log policy.FlowLog
	// Stdout is what policy.FlowLogStdout means.
	Stdout io.Writer
	// Failed is told why records are lost, once until they can be written again, which is
	// told with "". It must not block. nil for nobody.
	Failed func(why string)
	// Kept is told why old files could not be deleted, once until all can be again, which is
	// told with "". It must not block. nil for nobody.
	Kept func(why string)
}

// Status is what became of records since the sink was opened.
type Status struct {
	// Written and Lost count records, Bytes what they take in files.
	Written, Lost, Bytes uint64
	// File is the path of the latest file, "" for none.
	File string
	// Failure says why records are lost now, "" while they are not.
	Failure string
}

// Sink writes records. Its methods may be called by any goroutine.
type Sink struct {
	cfg    Config
	format flowlog.Format
	names  flowlog.Names
	queue  chan window
	ended  chan struct{}

	mu     sync.Mutex // guards what follows; never held while a disk is waited for
	status Status
	closed bool
	// skipped are interfaces of which records were lost that no file tells of yet.
	skipped map[string]flowlog.Record

	// What only the writing goroutine has.
	root *os.Root
	file *file
	text []byte
	kept bool // the latest attempt to delete old files failed
}

// window is what is written at a time.
type window struct {
	start   int64
	records []flowlog.Record
}

// Open begins to write. That a destination cannot be used is a failure like others: it is
// tried again with each window. The error is that of a format string.
func Open(cfg Config) (*Sink, error) {
	s := &Sink{cfg: cfg, queue: make(chan window, waiting), ended: make(chan struct{}),
		skipped: make(map[string]flowlog.Record)}
	text, l := cfg.Log.Format, &cfg.Log
	if text == "" {
		text = flowlog.DefaultFormat
	}
	var err error
	if s.format, err = flowlog.ParseFormat(text); err != nil {
		return nil, fmt.Errorf("format of flow logs: %w", err)
	}
	s.names = flowlog.Names{AccountID: l.AccountID, Region: l.Region, AZID: l.AZID, VPCID: l.VPCID,
		SubnetID: l.SubnetID, InstanceID: l.InstanceID}
	go s.write()
	return s, nil
}

// Put hands over the records of a window that begins at start, in seconds of Unix. It never
// waits: what finds no room is lost, and becomes SKIPDATA.
func (s *Sink) Put(start int64, records []flowlog.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.queue <- window{start, records}:
	default:
		s.lose(records, errSlow)
	}
}

var errSlow = errors.New("the destination is too slow")

// lose notes that records are lost; the caller holds mu.
func (s *Sink) lose(records []flowlog.Record, why error) {
	for i := range records {
		r := &records[i]
		switch r.Status {
		case flowlog.NoData:
			continue // nothing is lost
		case flowlog.OK:
			s.status.Lost++
		}
		had, ok := s.skipped[r.Interface]
		if !ok {
			had = flowlog.Record{Status: flowlog.SkipData, Interface: r.Interface, Device: r.Device,
				Start: r.Start, End: r.End}
		}
		had.Start, had.End = min(had.Start, r.Start), max(had.End, r.End)
		s.skipped[r.Interface] = had
	}
	s.say(why.Error())
}

// say notes whether records are lost, and tells it where that is news; the caller holds mu.
func (s *Sink) say(failure string) {
	if (failure == works) != (s.status.Failure == works) && s.cfg.Failed != nil {
		s.cfg.Failed(failure)
	}
	s.status.Failure = failure
}

// Status says what became of records.
func (s *Sink) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Close writes what waits, for as long as the patience lasts. What is not written then is lost.
// It reports whether all is written.
func (s *Sink) Close(patience time.Duration) bool {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.mu.Unlock()
	select {
	case <-s.ended:
		return true
	case <-time.After(patience):
		return false
	}
}

// write is the goroutine that waits for the disk.
func (s *Sink) write() {
	defer close(s.ended)
	var last window
	for w := range s.queue {
		s.writeWindow(w)
		last.start = w.start
	}
	// What was lost after the last window that could be written.
	s.mu.Lock()
	untold := len(s.skipped) > 0
	s.mu.Unlock()
	if untold {
		s.writeWindow(last)
	}
	if s.file != nil {
		_ = s.file.Close() // every write has told whether it worked
	}
	if s.root != nil {
		_ = s.root.Close()
	}
}

// writeWindow writes one window, after what was lost before. What cannot be written is lost.
func (s *Sink) writeWindow(w window) {
	s.mu.Lock()
	told := s.skipped
	s.skipped = make(map[string]flowlog.Record)
	s.mu.Unlock()
	size, err := s.put(w, told)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.status.Written += count(w.records)
		s.status.Bytes += uint64(size)
		if s.file != nil {
			s.status.File = s.file.Name()
		}
		s.say(works)
		return
	}
	for id, r := range told { // no file tells of them yet
		if later, ok := s.skipped[id]; ok {
			r.Start, r.End = min(r.Start, later.Start), max(r.End, later.End)
		}
		s.skipped[id] = r
	}
	s.lose(w.records, err)
}

// count is how many records are traffic.
func count(records []flowlog.Record) (n uint64) {
	for i := range records {
		if records[i].Status == flowlog.OK {
			n++
		}
	}
	return n
}

// put writes one window, all of it or nothing.
func (s *Sink) put(w window, told map[string]flowlog.Record) (int, error) {
	s.text = s.text[:0]
	line := func(r *flowlog.Record) {
		s.text = append(s.format.Append(s.text, &s.names, r), '\n')
	}
	for _, r := range inOrder(told) {
		line(&r)
	}
	for i := range w.records {
		line(&w.records[i])
	}
	if len(s.text) == 0 {
		return 0, nil
	}
	if s.cfg.Log.Destination == policy.FlowLogStdout {
		return s.cfg.Stdout.Write(s.text)
	}
	if err := s.ready(time.Unix(w.start, 0)); err != nil {
		return 0, err
	}
	before := s.file.size
	err := s.file.add(s.text)
	return int(s.file.size - before), err
}

// ready has a file for what begins at t.
func (s *Sink) ready(t time.Time) error {
	if s.file != nil && s.file.slot.Equal(t.Truncate(fileEvery)) && s.file.size < fileMax {
		return nil
	}
	if s.root == nil {
		to := s.cfg.Log.Destination
		if err := makeFolders(to, os.Mkdir, os.Chmod); err != nil {
			return err
		}
		var err error
		if s.root, err = os.OpenRoot(to); err != nil {
			return err
		}
	}
	next, err := create(s.root, s.cfg.Log, t, s.format.Header())
	if err != nil {
		// The folder may have been deleted and made again, which the old handle does not see.
		_ = s.root.Close()
		s.root = nil
		return err
	}
	if s.file != nil {
		_ = s.file.Close() // every write has told whether it worked
	}
	s.file = next
	// That old files stay is no reason not to write.
	s.tellKept(prune(s.root.FS(), s.root.Remove, int64(s.cfg.Log.Megabytes)<<20))
	return nil
}

// tellKept tells whether old files could be deleted, where that is news.
func (s *Sink) tellKept(err error) {
	if kept := err != nil; kept != s.kept && s.cfg.Kept != nil {
		why := works
		if kept {
			why = err.Error()
		}
		s.cfg.Kept(why)
	}
	s.kept = err != nil
}

// inOrder are the lines about lost records, in the same order each time.
func inOrder(skipped map[string]flowlog.Record) []flowlog.Record {
	out := make([]flowlog.Record, 0, len(skipped))
	for _, id := range slices.Sorted(maps.Keys(skipped)) {
		out = append(out, skipped[id])
	}
	return out
}
