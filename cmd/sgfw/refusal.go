package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/policy"
)

// countingWriter counts what is written through it, and keeps the first error: what
// prints need not look for itself.
type countingWriter struct {
	to    io.Writer
	bytes int
	err   error
}

// Write implements io.Writer.
func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.bytes += n
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("the output cannot be written: %w", err)
	}
	return n, err
}

// wantsJSON reports whether a command was asked for documents.
func wantsJSON(c *cobra.Command) bool {
	f := c.Flags().Lookup("output")
	return f != nil && f.Value.String() == string(formatJSON)
}

// refusal is the document of an error: programs that read a command's output find there
// what people find among its diagnostics.
func refusal(err error) api.Refusal {
	f := api.Failure{Message: err.Error(), Code: awsCode(err)}
	if sent, ok := errors.AsType[*api.Failure](err); ok {
		f = *sent
	}
	if ps := policy.AsProblems(err); ps != nil {
		f.Problems = explain.Problems(ps)
	}
	switch codeOf(err) {
	case exitUsage:
		f.Kind = api.KindUsage
	case exitInvalid:
		f.Kind = api.KindInvalid
	case exitNoDaemon:
		f.Kind = api.KindNoDaemon
	case exitRefused:
		f.Kind = api.KindRefused
	default:
		if f.Kind == "" {
			f.Kind = api.KindFailed
		}
	}
	doc := api.Refusal{Schema: api.Schema, Error: &f}
	if absent, ok := errors.AsType[*absentError](err); ok {
		f.Message, doc.Remains = absent.err.Error(), &absent.remains
	}
	return doc
}
