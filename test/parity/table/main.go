// Command table keeps docs/aws-parity.md what the tests say. It reads the record
// that a run of all tests has left (see package parity) and fails if a claim has no
// test that passed, if a test names what is no claim, or if the file is not what
// comes of the record.
//
//	go run ./test/parity/table          check
//	go run ./test/parity/table -write   write the file
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"sgfw/test/parity/claims"
)

func main() {
	from := flag.String("record", "build/parity.tsv", "what the tests have left")
	into := flag.String("document", "docs/aws-parity.md", "the table")
	write := flag.Bool("write", false, "write the document")
	flag.Parse()
	act := compare
	if *write {
		act = update
	}
	if err := act(*from, *into); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

// update writes the document of a sound record.
func update(from, into string) error {
	text, err := produce(from)
	if err != nil {
		return err
	}
	return os.WriteFile(into, []byte(text), 0o644)
}

// compare demands that the document is that of the record.
func compare(from, into string) error {
	text, err := produce(from)
	if err != nil {
		return err
	}
	is, err := os.ReadFile(into)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if string(is) == text {
		return nil
	}
	for _, line := range missing(text, string(is)) {
		fmt.Fprintln(os.Stderr, "the tests say:    ", line)
	}
	for _, line := range missing(string(is), text) {
		fmt.Fprintln(os.Stderr, "the document says:", line)
	}
	return fmt.Errorf("%s is not what the tests say: `make test PARITY=write` writes it anew", into)
}

// missing are the lines of a text that another one lacks.
func missing(text, other string) (lines []string) {
	has := strings.Split(other, "\n")
	for line := range strings.SplitSeq(text, "\n") {
		if !slices.Contains(has, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// produce makes the document, unless the record does not bear it out.
func produce(from string) (string, error) {
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r, err := readRecord(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	problems := check(r, slices.Concat(claims.AWS(), claims.Guides()), claims.Inverted)
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
	}
	if len(problems) > 0 {
		return "", fmt.Errorf("%d claims or tests are at odds", len(problems))
	}
	return document(r), nil
}
