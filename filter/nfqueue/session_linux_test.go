package nfqueue

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGone: Run ends by itself when the queue is gone, at once after a refused verdict, and by a
// probe while no packets come.
func TestGone(t *testing.T) {
	forEachDriver(t, func(t *testing.T, d Driver) {
		t.Run("while idle", func(t *testing.T) {
			q, k := openFake(t, d, &recorder{})
			wait := run(t, q)
			k.sendPacket(4, 'a')
			k.expect([]answer{{7, 4, accept}})
			k.gone.Store(true)
			if err := wait(); !errors.Is(err, ErrGone) || !errors.Is(err, unix.ENODEV) {
				t.Errorf("Run: %v, want ErrGone and ENODEV", err)
			}
		})
		t.Run("by a verdict", func(t *testing.T) {
			q, k := openFake(t, d, &recorder{})
			wait := run(t, q)
			k.deliver(refusal(int32(unix.EPERM)))
			if err := wait(); !errors.Is(err, ErrGone) || !errors.Is(err, unix.EPERM) {
				t.Errorf("Run: %v, want ErrGone and EPERM", err)
			}
		})
	})
	t.Run("descriptor replaced", func(t *testing.T) {
		q, _ := openFake(t, DriverBatch, &recorder{})
		null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(null)
		if err := unix.Dup3(null, q.(*batchQueue).fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		if err := run(t, q)(); !errors.Is(err, ErrGone) {
			t.Errorf("Run: %v, want ErrGone", err)
		}
	})
}

// TestEnds goes through the ways to end Run on purpose.
func TestEnds(t *testing.T) {
	forEachDriver(t, func(t *testing.T, d Driver) {
		q, k := openFake(t, d, &recorder{})

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		k.sendPacket(1, 'a')
		k.expect([]answer{{7, 1, accept}})
		if err := q.Run(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("second Run: %v, want ErrBusy", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("cancelled Run: %v", err)
		}

		// Packets without a Run wait for the next one, which a Drain ends.
		k.sendPacket(2, 'a')
		wait := run(t, q)
		k.expect([]answer{{7, 2, accept}})
		k.sendPacket(3, 'a')
		if err := q.Drain(t.Context()); err != nil {
			t.Errorf("Drain: %v", err)
		}
		k.expect([]answer{{7, 3, accept}})
		if err := wait(); err != nil {
			t.Errorf("drained Run: %v", err)
		}

		// Drain serves without a Run, too.
		k.sendPacket(4, 'a')
		if err := q.Drain(t.Context()); err != nil {
			t.Errorf("Drain: %v", err)
		}
		k.expect([]answer{{7, 4, accept}})
		// A Run during a Drain that waits for a packet ends with it.
		k.unanswered.Add(1)
		var err error
		for met := false; !met; { // on a busy machine a whole Drain may fit between two Runs
			drained := make(chan error, 1)
			go func() { drained <- q.Drain(t.Context()) }()
			for over := false; !over; { // Run until Drain has begun
				runCtx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				err = q.Run(runCtx)
				cancel()
				met = err != nil
				over = met || len(drained) > 0
			}
			if err := <-drained; !errors.Is(err, ErrStranded) {
				t.Errorf("Drain of a packet without a message: %v, want ErrStranded", err)
			}
		}
		if !errors.Is(err, ErrStranded) {
			t.Errorf("Run beside Drain: %v, want ErrStranded", err)
		}
		k.unanswered.Add(-1)

		if err := q.Drain(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Drain with a context that is done: %v", err)
		}

		for range 2 {
			if err := q.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		for name, err := range map[string]error{
			"Run": q.Run(t.Context()), "Drain": q.Drain(t.Context()),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after Close: %v, want ErrClosed", name, err)
			}
		}
	})
}

// TestDrainAfterStop cancels Run and drains at once: Drain must not take the stopped Run for a
// drained queue.
func TestDrainAfterStop(t *testing.T) {
	forEachDriver(t, func(t *testing.T, d Driver) {
		for range 20 {
			q, k := openFake(t, d, &recorder{})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- q.Run(ctx) }()
			k.sendPacket(1, 'a')
			k.expect([]answer{{7, 1, accept}})
			cancel()
			k.sendPacket(2, 'a')
			if err := errors.Join(q.Drain(t.Context()), <-ended); err != nil {
				t.Fatal(err)
			}
			k.expect([]answer{{7, 2, accept}})
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestBeginPanics: the whole batch is dropped, because without Begin the handler may decide by
// outdated rules.
func TestBeginPanics(t *testing.T) {
	forEachDriver(t, func(t *testing.T, d Driver) {
		h := &brokenBegin{}
		q, k := openFake(t, d, h)
		wait := run(t, q)
		k.sendPacket(4, 'a')
		k.expect([]answer{{7, 4, drop}})
		if err := errors.Join(q.Close(), wait()); err != nil {
			t.Error(err)
		}
		if got := q.Stats(); got.Dropped != 1 || got.Accepted != 0 || got.Panics == 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

type brokenBegin struct{ recorder }

func (*brokenBegin) Begin() { panic("on purpose") }

// TestLibraryOverrun simulates ENOBUFS; TestReal provokes it in the kernel for every driver.
func TestLibraryOverrun(t *testing.T) {
	q, k := openFake(t, DriverGoNFQueue, &recorder{})
	wait := run(t, q)
	k.overrun()
	k.overrun()
	k.sendPacket(4, 'a')
	k.expect([]answer{{7, 4, accept}})
	if err := errors.Join(q.Close(), wait()); err != nil {
		t.Error(err)
	}
	if got := q.Stats(); got.Overruns != 2 {
		t.Errorf("%d overruns, want 2", got.Overruns)
	}
}
