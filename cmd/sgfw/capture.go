package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/replay"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
)

// minSnap is the least that is captured of a packet: its headers without options.
const minSnap = 64

// errEnough ends a capture that has all that was asked for.
var errEnough = errors.New("all that was asked for")

func (p *program) captureCommand() *cobra.Command {
	var q api.CaptureQuery
	var file string
	var most uint64
	var over time.Duration
	c := &cobra.Command{
		Use:   "capture -w FILE [TERM]...",
		Short: "Write packets with their verdicts into a file for Wireshark",
		Long: fmt.Sprintf(`Write packets that the daemon judges into a file of pcapng, which Wireshark and
tshark open and sgfw replay judges again. The comment of each packet says what was
decided and why: verdict, reason, rule, device and direction, the state of its
flow before and after, and the hook and devices where it was met. In Wireshark,
frame.comment contains "reason=no-rule" finds drops.

It goes on until you end it, or until --packets or --for. No packet ever waits for
it: what comes faster than it can be written is not captured but counted, and how
much was lost is said. Packets that never come to the daemon are not captured:
those of devices that it does not manage, and those that the kernel carries on with
(datapath: offload). It needs root, since it shows what packets carry.

%s`, termsHelp(query.OfVerdicts)),
		Example: `  sudo sgfw capture -w drops.pcapng verdict:drop
  sudo sgfw capture -w - port:443 | tshark -r - -T fields -e frame.comment
  sudo sgfw capture -w hour.pcapng --for 1h --snap 128`,
		Args: func(_ *cobra.Command, args []string) error {
			if _, err := query.Parse(query.FromArguments(args), query.OfVerdicts); err != nil {
				return &usageError{err}
			}
			return nil
		},
		ValidArgsFunction: p.terms(query.OfVerdicts),
	}
	f := c.Flags()
	f.StringVarP(&file, "write", "w", "",
		"the file, - for standard output; one that is there is replaced")
	f.IntVar(&q.Snap, "snap", filter.MaxSnap, "how many bytes of a packet are captured at most")
	f.Uint64VarP(&most, "packets", "n", 0, "end after so many packets (0: never)")
	f.DurationVar(&over, "for", 0, "end after a time, such as 10m (0: never)")
	c.RunE = func(c *cobra.Command, args []string) error {
		q.Where = query.FromArguments(args)
		switch {
		case file == "":
			return &usageError{errors.New("-w FILE: where are packets written to?")}
		case q.Snap < minSnap || q.Snap > filter.MaxSnap:
			return &usageError{fmt.Errorf("--snap is from %d to %d", minSnap, filter.MaxSnap)}
		case over < 0:
			return &usageError{errors.New("--for cannot be negative")}
		}
		if _, err := explain.SelectPackets(q, nil); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		if over > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, over)
			defer cancel()
		}
		t := capturer{program: p, file: file, snap: uint32(q.Snap), most: most}
		err := control.NewClient(p.socket).Capture(ctx, q, t.begin, t.part)
		if errors.Is(err, errEnough) {
			err = nil
		}
		return t.end(err)
	}
	return c
}

// capturer writes one capture.
type capturer struct {
	*program
	file          string
	snap          uint32
	most          uint64
	out           io.Closer
	writer        *replay.Writer
	packets, lost uint64
}

// begin makes the file: a daemon that does not answer leaves the one that is there alone.
func (t *capturer) begin() (err error) {
	out := t.program.out
	if t.file != "-" {
		f, err := captureFile(t.file)
		if err != nil {
			return err
		}
		out, t.out = f, f
	}
	t.writer, err = replay.NewWriter(out, versionLine(buildVersion()), t.snap, ruleName)
	if err != nil {
		return err
	}
	t.tell("sgfw: capturing, Ctrl-C ends it")
	return nil
}

// captureFile opens an empty file that nobody but its owner may read, whoever could read what
// was there. A symbolic link is not followed: who made it would choose what root overwrites.
func captureFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|noFollow, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w (hint: it is a symbolic link: name the file itself, or - for "+
			"standard output)", err)
	}
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Mode().IsRegular() { // and no pipe
		if err = f.Chmod(0o600); err == nil {
			err = f.Truncate(0)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// part writes a part of the capture.
func (t *capturer) part(part api.CapturePart) error {
	switch part.Type {
	case api.CaptureLost:
		t.lost += part.Lost
		t.tell(fmt.Sprintf("sgfw: %s came too fast and are not captured", count(part.Lost, "packet")))
		return nil
	case api.CapturePacket:
		t.packets++
	}
	if err := t.writer.Write(&part); err != nil {
		return err
	}
	if t.most > 0 && t.packets == t.most {
		return errEnough
	}
	return nil
}

// end closes the file and says what is in it.
func (t *capturer) end(err error) error {
	if t.out != nil {
		err = errors.Join(err, t.out.Close())
	}
	if t.writer != nil {
		t.note("%s captured, %s lost", count(t.packets, "packet"), screen.Number(t.lost))
	}
	return err
}
