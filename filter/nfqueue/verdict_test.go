package nfqueue

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendVerdict(t *testing.T) {
	b := appendVerdict(nil, 4270, 0xfffffffe, verdictAccept)
	if len(b) != verdictLen || verdictLen%messageAlign != 0 {
		t.Fatalf("%d bytes, want %d, a multiple of %d", len(b), verdictLen, messageAlign)
	}
	b = appendVerdict(b, 4271, 3, verdictDrop)
	got, ok := parseAnswers(b)
	if !ok {
		t.Fatalf("not two verdict messages: %x", b)
	}
	want := []answer{
		{Queue: 4270, ID: 0xfffffffe, V: 1}, // NF_ACCEPT
		{Queue: 4271, ID: 3, V: 0},          // NF_DROP
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
}

func BenchmarkAppendVerdict(b *testing.B) {
	buf := make([]byte, 0, 32*verdictLen)
	b.ReportAllocs()
	for b.Loop() {
		if len(buf)+verdictLen > cap(buf) {
			buf = buf[:0]
		}
		buf = appendVerdict(buf, 4270, 1, verdictAccept)
	}
}
