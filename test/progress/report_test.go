package main

import (
	"slices"
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"    a_test.go:1: noise\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestBad/one","Output":"    a_test.go:2: it broke\n"}
{"Action":"fail","Package":"a","Test":"TestBad/one"}
{"Action":"fail","Package":"a","Test":"TestBad"}
{"Action":"output","Package":"a","Test":"TestRoot","Output":"    a_test.go:3: root: it binds\n"}
{"Action":"output","Package":"a","Test":"TestRoot","Output":"--- SKIP: TestRoot (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestRoot"}
{"Action":"output","Package":"a","Output":"FAIL\n"}
{"Action":"fail","Package":"a","Elapsed":1.25}
{"ImportPath":"b [b.test]","Action":"build-output","Output":"b.go:1: no such thing\n"}
{"Action":"fail","Package":"b","Elapsed":0,"FailedBuild":"b [b.test]"}
{"Action":"skip","Package":"c"}
go: a warning of go itself
`

// TestReport: what failed is shown and counted, what passed is quiet, what was skipped
// is named with its reason.
func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, 3)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	r.finish()
	const want = `[1/3] FAIL a  3 tests  1.2 s
    a_test.go:2: it broke
FAIL
[2/3] FAIL b  0 tests  0.0 s
b.go:1: no such thing
[3/3] none c  0 tests  0.0 s
go: a warning of go itself
skipped:
  a.TestRoot: root: it binds
1 passed, 2 failed, 1 skipped
`
	if out.String() != want {
		t.Errorf("the report is\n%s\nwant\n%s", out.String(), want)
	}
}

func TestSplit(t *testing.T) {
	flags, phases := split(strings.Fields("-count=1 -- ./a ./b -- -p=1 ./c --"))
	if !slices.Equal(flags, []string{"-count=1"}) || len(phases) != 2 ||
		!slices.Equal(phases[0], []string{"./a", "./b"}) ||
		!slices.Equal(phases[1], []string{"-p=1", "./c"}) {
		t.Errorf("flags %q, phases %q", flags, phases)
	}
}
