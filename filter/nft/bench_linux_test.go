package nft

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// benchTable is a table in the namespace of its own that netlink gives it.
func benchTable(b *testing.B, devices int) (*Table, Plan) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: real packets")
	}
	var fd int
	done := make(chan error, 1)
	go func() { done <- newNamespace(&fd) }()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	table, err := Open(InNamespace(fd))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = table.Close(); _ = unix.Close(fd) })
	p := plan(policy.FailDrop)
	for i := range devices {
		p.Devices = append(p.Devices, Device{Name: fmt.Sprintf("tap%d", i)})
	}
	if err := table.Apply(p); err != nil {
		b.Fatal(err)
	}
	return table, p
}

// BenchmarkApply replaces and reads back the rules of so many devices.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			table, p := benchTable(b, n)
			for b.Loop() {
				if err := table.Apply(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is what a poll costs while nobody touches any ruleset.
func BenchmarkVerify(b *testing.B) {
	table, _ := benchTable(b, 10)
	for b.Loop() {
		if err := table.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}
