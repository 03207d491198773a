//go:build !race

// The race detector has its own time, and finds no race in one goroutine.

package tree

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/policy/yamltext"
)

// TestHostile: whatever stands in a text, the answer comes soon and without much memory.
func TestHostile(t *testing.T) {
	const size = 10 << 20
	fill := func(before, s, after string) string {
		return before + strings.Repeat(s, size/len(s)) + after
	}
	most := func(before, s, after string) string {
		return before + strings.Repeat(s, (MaxYAML-100)/max(structure(s), 1)) + after
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c,
			strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	merged := "a: &a {x: 1}\n"
	for i := range 1000 {
		merged += fmt.Sprintf("b%d: &b%d {k%d: 1, <<: [%s*a]}\n", i, i, i,
			strings.Repeat(fmt.Sprintf("*b%d, ", max(i-1, 0)), min(i, 3)))
	}
	chain := "a0: &a0 [x]\n"
	for i := range 1000 {
		chain += fmt.Sprintf("a%d: &a%d [*a%d]\n", i+1, i+1, i)
	}
	for name, text := range map[string]string{
		"lists":         fill("", "[", ""),
		"objects":       fill("", `{"a":`, ""),
		"ones":          fill("[\"a\"", ",1", "]"),
		"keys":          fill(`{"a":1`, `,"a":1`, "}"),
		"a text":        fill(`{"a":"`, "x", `"}`),
		"escapes":       fill(`{"a":"`, `\u0041`, `"}`),
		"spaces":        fill("{", " ", "}"),
		"lines":         fill("{", "\n", "}"),
		"wide":          fill(`{"a":"`, "é", `"}`),
		"wide, in line": fill(`["é"`, `,"é"`, "]"),
		"flow lists":    fill("a: ", "[", ""),
		"flow maps":     fill("a: ", "{a: ", ""),
		"dashes":        fill("", "- ", ""),
		"items":         fill("a:\n", "- a\n", ""),
		"plain":         fill("a: ", "x", ""),
		"plain, spaced": fill("a: ", "x ", ""),
		"comments":      fill("", "#\n", "a: 1"),
		"bomb":          bomb,
		"merges":        merged,
		"chain":         chain,
		"aliases":       fill("a: &a x\nb: [", "*a,", "]"),
		"anchors":       fill("a:\n", "- &a a\n", ""),
		"tags":          fill("a:\n", "- !a\n", ""),
		"most items":    most("a:\n", "- a\n", ""),
		"most pairs":    most("a: [", "a: b,", "]"),
		"most maps":     most("a: [", "{},", "]"),
		"most aliases":  most("a: &a x\nb: [", "*a,", "]"),
		"most anchors":  most("a:\n", "- &a a\n", ""),
		"most merges":   most("a: &a {b: c}\nd:\n", "- <<: *a\n", ""),
		"most nests":    most("a:\n", "- "+strings.Repeat("[", 90)+strings.Repeat("]", 90)+"\n", ""),
		"most dashes":   most("", "- ", ""),
		"most keys":     most("a: {", "? a,", "}"),
		"most plain":    "a: " + strings.Repeat("x ", maxSize/2-10),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := cpu(t)
		n, problems := Parse("f", []byte(text))
		took := cpu(t) - begin
		runtime.ReadMemStats(&after)
		used := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %v, %d MB, %v", name, took, used, problems)
		if (n == nil) != (len(problems) > 0) {
			t.Errorf("%s: %v %v", name, n != nil, problems)
		}
		if took > 3*time.Second || used > 400 {
			t.Errorf("%s takes %v and %d MB", name, took, used)
		}
	}
}

// cpu is the time that this process had of the processors, in which a busy machine differs
// little from an idle one.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// structure is what a text that is repeated counts for each time.
func structure(s string) int {
	count := func(n int) int {
		n, _ = yamltext.Check([]byte(strings.Repeat(s, n)))
		return n
	}
	return (count(11) - count(1)) / 10
}
