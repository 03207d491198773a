// Package parity ties tests to what AWS documents about security groups. A test
// names the claims that it proves, by their handles:
//
//   - R1, D2, T15, X3, Q2 …: the facts of the rule model, the defaults, the
//     tracking, the exemptions and the quotas;
//   - "row 10": a row of the table of expected outcomes;
//   - W1 …: what published guides say beyond that.
//
// docs/aws.md has the facts behind the handles.
//
// A run with [RecordEnv] set leaves a record of what was proven, which is what
// the table of docs/aws-parity.md is made of and checked against.
package parity

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
)

// RecordEnv names the file that records are appended to; without it nothing is
// recorded.
const RecordEnv = "SGFW_PARITY"

// Proves says that the test, if it passes, shows each claim to hold. It is called
// at the beginning of a test or subtest that fails when the claim is false.
func Proves(t testing.TB, claims ...string) {
	t.Helper()
	record := os.Getenv(RecordEnv)
	if record == "" {
		return
	}
	pc, _, _, _ := runtime.Caller(1)
	// sgfw/policy.TestRules.func1, or sgfw/policy_test.TestRules
	caller := runtime.FuncForPC(pc).Name()
	dir, base := path.Split(caller)
	base, _, _ = strings.Cut(base, ".")
	pkg := dir + strings.TrimSuffix(base, "_test")
	t.Cleanup(func() {
		outcome := "pass"
		switch {
		case t.Failed():
			outcome = "fail"
		case t.Skipped():
			outcome = "skip"
		}
		// One write for each record: tests of several programs append to the file.
		f, err := os.OpenFile(record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for _, claim := range claims {
			if _, err := fmt.Fprintf(f, "%s\t%s\t%s\t%s\n", claim, pkg, t.Name(), outcome); err != nil {
				t.Error(err)
			}
		}
	})
}
