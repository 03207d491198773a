package awsjson

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/convert/tree"
)

// TestHostile: texts that are made to cost much are answered soon and in little memory.
func TestHostile(t *testing.T) {
	const size = 10 << 20
	fill := func(before, unit, after string) func() string {
		return func() string {
			return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
		}
	}
	group := `{"SecurityGroups":[{"GroupId":"sg-1","GroupName":"web","IpPermissions":[`
	ranges := group + `{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"IpRanges":[`
	for name, make := range map[string]func() string{
		"deep lists":       fill("", "[", ""),
		"deep objects":     fill("", `{"a":`, ""),
		"deep in a group":  fill(group, "[", ""),
		"many bad groups":  fill(`{"SecurityGroups":[{}`, ",{}", "]}"),
		"many permissions": fill(group+"{}", ",{}", "]}]}"),
		"many numbers":     fill(group+"1", ",1", "]}]}"),
		"many ranges":      fill(ranges+"{}", ",{}", "]}]}]}"),
		"many rules": fill(`{"SecurityGroupRules":[{"GroupId":"a"}`,
			`,{"GroupId":"a","IsEgress":true,"IpProtocol":"-1","CidrIpv4":"1.1.1.1/1"}`, "]}"),
		"many other rules": number(size, `{"SecurityGroupRules":[`,
			`{"GroupId":"a","IsEgress":true,"IpProtocol":"-1","CidrIpv4":"%d.%d.%d.0/24"}`),
		"many groups": number(size, `{"SecurityGroups":[`,
			`{"GroupId":"%d-%d-%d","GroupName":"%[1]d-%d-%d"}`),
		"many lists": number(size, `{"PrefixLists":[`,
			`{"PrefixListId":"%d-%d-%d","PrefixListName":"x"}`),
		"many entries": number(size, `{"Entries":[`, `{"Cidr":"%d.%d.%d.0/24"}`),
		"many interfaces": number(size, group+`]}],"NetworkInterfaces":[`,
			`{"NetworkInterfaceId":"%d-%d-%d","PrivateIpAddress":"10.%[1]d.%d.%d",`+
				`"Groups":[{"GroupId":"sg-1"}]}`),
		"many references": number(size, ranges+`],"UserIdGroupPairs":[`, `{"GroupId":"%d-%d-%d"}`),
		"many keys":       fill(`{"SecurityGroups":[{"a":1`, `,"b":1`, "}]}"),
		"many documents":  fill("", "{}", ""),
		"many answers":    fill("", `{"Entries":[]}`, ""),
		"a long text":     fill(`{"SecurityGroups":[{"GroupId":"`, "x", `"}]}`),
		"escapes":         fill(`{"SecurityGroups":[{"GroupId":"`, `\u0041`, `"}]}`),
		"zeros":           fill("", "\x00", ""),
		"spaces":          fill("{", " ", "}"),
		"line ends":       fill("{", "\n", "}"),
		"YAML list":       fill("SecurityGroups:\n", "- {}\n", ""),
		"YAML in one":     fill("a: {", "a,", "}"),
		"YAML depth":      fill("", "- ", "a"),
		"YAML keys":       fill("", "? ", "a"),
		"YAML colons":     fill("a", ": a", ""),
		"YAML rules": fixed("SecurityGroupRules:\n" + strings.Repeat(
			"- IsEgress: true\n  GroupId: a\n  IpProtocol: x\n", tree.MaxYAML/6)),
		"YAML alias bomb": fixed("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n" +
			"c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n"),
		"YAML cycle": fixed("a: &a [*a]\n"),
		"YAML quote": fill(`a: "`, `\x41`, ""),
		"YAML text":  fill("a: ", "b ", ""),
		"tables":     fill("SECURITYGROUPS\t", "x\t", "\n"),
	} {
		sources := []convert.Source{{Name: "f", Data: []byte(make())}}
		var r convert.Result
		took, mib := costs(func() { r = Import(sources, convert.Options{}) })
		// Half of it where nothing else runs. The race detector makes everything slow.
		if (took > 2*time.Second || mib > 200) && !raced() {
			t.Errorf("%s: %v and %d MiB", name, took, mib)
		}
		t.Logf("%s: %v, %d MiB: %.100s", name, took.Round(time.Millisecond), mib, r.Problems)
		if r.Policy != nil {
			t.Errorf("%s: taken", name)
		}
		converttest.Check(t, sources, r)
	}
}

// number repeats a unit with other numbers in it each time.
func number(size int, before, unit string) func() string {
	return func() string { return numbered(size, before, unit) }
}

func fixed(text string) func() string { return func() string { return text } }

func numbered(size int, before, unit string) string {
	var b strings.Builder
	b.WriteString(before)
	for i := 0; b.Len() < size-100; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, unit, 1+i>>16, i>>8&255, i&255)
	}
	b.WriteString(strings.Repeat("]}", strings.Count(before, "[")-strings.Count(before, "]")))
	return b.String()
}

// costs runs f and returns the time that this process computed meanwhile, and how much
// memory was in use at most.
func costs(f func()) (took time.Duration, mib uint64) {
	runtime.GC()
	done, most := make(chan struct{}), make(chan uint64)
	base := inUse()
	go func() {
		high := base
		for {
			high = max(high, inUse())
			select {
			case <-done:
				most <- high
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	before := computed()
	f()
	took = computed() - before
	close(done)
	return took, (<-most - base) >> 20
}

// raced reports whether the race detector is on.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// inUse is the memory of objects that live or wait for the collector, in bytes.
func inUse() uint64 {
	m := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

// computed is the time that this process has used, whatever else the machine does.
func computed() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
