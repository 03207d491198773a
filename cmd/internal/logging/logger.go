package logging

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"
)

// Format makes a handler that writes lines of one format.
type Format func(io.Writer) slog.Handler

// Text and JSON are the formats.
func Text(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }

// JSON writes each line as a JSON document.
func JSON(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// New returns a logger that never blocks, and the sink that it writes to.
func New(to io.Writer, format Format) (*slog.Logger, *Sink) {
	s := NewSink(to, func(lost uint64) []byte { return lostLine(format, lost) })
	return slog.New(format(s)), s
}

// lostLine is the line that stands for lost ones.
func lostLine(format Format, lost uint64) []byte {
	var b bytes.Buffer
	r := slog.NewRecord(time.Now(), slog.LevelWarn,
		"lines of the log were lost: whoever reads it did not keep up", 0)
	r.AddAttrs(slog.Uint64("lost", lost))
	// A buffer takes everything.
	_ = format(&b).Handle(context.Background(), r)
	return b.Bytes()
}
