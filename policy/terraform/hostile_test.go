package terraform

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// bombs are small or large texts that ask for a lot.
var bombs = map[string]func() string{
	"brackets": func() string { return "locals {\n a = " + strings.Repeat("[", 5<<20) },
	"closed brackets": func() string {
		return "locals {\n a = " + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "\n}\n"
	},
	"blocks":        func() string { return strings.Repeat("a {\n", 2<<20) },
	"signs":         func() string { return used(strings.Repeat("-", 5<<20) + "1") },
	"sums":          func() string { return used(strings.Repeat("1+", 3<<20) + "1") },
	"sums in lines": func() string { return used("(" + strings.Repeat("1\n+", 2<<20) + "1)") },
	"conditions":    func() string { return used(strings.Repeat("true ? 1 : ", 1<<20) + "1") },
	"indices":       func() string { return used("x" + strings.Repeat("[0]", 2<<20)) },
	"splats":        func() string { return used("x" + strings.Repeat("[*]", 2<<20)) },
	"attributes":    func() string { return used("x" + strings.Repeat(".a", 4<<20)) },
	"templates":     func() string { return used(strings.Repeat(`"${`, 1<<20)) },
	"comments":      func() string { return strings.Repeat("/* */\n", 1<<20) },
	"a long text":   func() string { return used(`"` + strings.Repeat("a", 10<<20) + `"`) },
	"a heredoc": func() string {
		return used("<<E\n" + strings.Repeat("a ${\"b\"}\n", 1<<20) + "E\n")
	},
	"a long list": func() string { return used("[" + strings.Repeat("1,", 4<<20) + "]") },
	"names":       func() string { return used("[" + strings.Repeat("a.b.c,", 1<<20) + "]") },
	"many locals": func() string {
		var b strings.Builder
		for i := range 300_000 {
			fmt.Fprintf(&b, "locals {\n a%d = local.a%d\n}\n", i, i+1)
		}
		return b.String() + used("local.a0")
	},
	"a chain of locals": func() string {
		var b strings.Builder
		b.WriteString("locals {\n")
		for i := range 20_000 {
			fmt.Fprintf(&b, "a%d = local.a%d\n", i, i+1)
		}
		return b.String() + "}\n" + used("local.a0")
	},
	"doubling texts":  func() string { return doubling(`"${~}${~}"`, `"a long enough text"`) },
	"doubling lists":  func() string { return doubling("concat(~, ~)", `["a"]`) },
	"doubling tuples": func() string { return doubling("[~, ~]", `["a"]`) },
	"doubling maps":   func() string { return doubling("{ a = ~, b = ~ }", `["a"]`) },
	"doubling gaps":   func() string { return doubling("[~, ~]", "data.x.y.z") },
	"products":        func() string { return doubling("setproduct(~, ~)", `["a", "b"]`) },
	"joins":           func() string { return doubling(`join(~, [~, ~])`, `"abcd"`) },
	"replacements":    func() string { return doubling(`replace(~, "a", ~)`, `"aa"`) },
	"formats":         func() string { return doubling(`format("%s%[1]s%[1]s", ~)`, `"abcd"`) },
	"encodings":       func() string { return doubling(`jsonencode([~, ~])`, `"\""`) },
	"numbers":         func() string { return doubling("~ * ~", "1e99") },
	"a wide format":   func() string { return used(`format("%999999999d", 1)`) },
	"a starred one":   func() string { return used(`format("%*d", 999999999, 1)`) },
	"a big number":    func() string { return used(`"${1e999999999}"`) },
	"a big shift":     func() string { return used(`cidrsubnet("::/0", 1e9, 1)`) },
	"an indent":       func() string { return used(`indent(2000000000, "a\nb\nc\n")`) },
	"a pattern":       func() string { return used(`regexall("((a{1000}){1000}){1000}", "a")`) },
	"another pattern": func() string {
		return used(`regexall("(a*)*b", join("", [for i in range(1000) : "a"]))`)
	},
	"loops in loops": func() string {
		return used("[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]")
	},
	"loops that give nothing": func() string {
		return used("[for a in range(1000) : a if length([for b in range(1000) : " +
			"b if length([for c in range(1000) : c if false]) > 0]) > 0]")
	},
	"loops of a list": func() string {
		return "locals {\n l = [" + strings.Repeat("1,", 1000) + "]\n}\n" +
			used("[for a in local.l : [for b in local.l : local.l]]")
	},
	"loops of literals": func() string {
		return used("[for a in range(1000) : [" + strings.Repeat("1,", 10_000) + "]]")
	},
	"comparisons": func() string {
		return "locals {\n l = range(1000)\n m = [for i in range(50) : local.l]\n}\n" +
			used("[for a in local.l : local.m == local.m]")
	},
	"distinct": func() string {
		return used("distinct(flatten([for i in range(100) : [for j in range(1000) : i * 1000 + j]]))")
	},
	"for_each over a million": func() string {
		return "resource \"aws_security_group\" \"g\" {\n  for_each = toset([for p in setproduct(" +
			"range(1000), range(1000)) : \"${p[0]}-${p[1]}\"])\n}\n"
	},
	"count of a million":  func() string { return counted("1e6") },
	"count of a trillion": func() string { return counted("1e12") },
	"many with many": func() string {
		return "resource \"aws_security_group\" \"g\" {\n count = 20000\n dynamic \"ingress\" {\n" +
			"for_each = range(1000)\ncontent {\nfrom_port = 1\nto_port = 1\nprotocol = \"tcp\"\n" +
			"cidr_blocks = [\"10.0.0.0/8\"]\n}\n}\n}\n"
	},
	"instances of instances": func() string {
		return "resource \"aws_subnet\" \"s\" {\n count = 20000\n cidr_block = \"10.0.0.0/8\"\n}\n" +
			used("[for a in aws_subnet.s : [for b in aws_subnet.s : b.cidr_block]]")
	},
	"blocks that refer in a circle": func() string {
		return "resource \"aws_security_group\" \"g\" {\n count = length(aws_security_group.h)\n}\n" +
			"resource \"aws_security_group\" \"h\" {\n count = length(aws_security_group.g)\n}\n"
	},
	"a type": func() string {
		return "variable \"v\" {\n  type = " + strings.Repeat("list(", 70) + "any" +
			strings.Repeat(")", 70) + "\n  default = []\n}\n" + used("var.v")
	},
	"nested JSON": func() string { return strings.Repeat("[", 10<<20) },
	"wide JSON":   func() string { return "[" + strings.Repeat("[],", 3<<20) + "1]" },
	"JSON templates": func() string {
		return `{"locals":{"a":"` + strings.Repeat("${", 1<<20) + `"},"resource":` +
			`{"aws_security_group":{"g":{"ingress":"${local.a}"}}}}`
	},
	"a JSON of texts": func() string {
		return `{"locals":{"a":[` + strings.Repeat(`"${local.b}",`, 500_000) + `1]},"resource":` +
			`{"aws_security_group":{"g":{"ingress":"${local.a}"}}}}`
	},
	"registry": func() string {
		return "module \"m\" {\n source = \"terraform-aws-modules/security-group/aws\"\n" +
			" count = 20000\ningress_cidr_blocks = [for i in range(1000) : \"10.0.0.0/8\"]\n" +
			"ingress_rules = [for i in range(1000) : \"all-all\"]\n}\n"
	},
}

// counted are as many groups.
func counted(n string) string {
	return "resource \"aws_security_group\" \"g\" {\n count = " + n + "\n}\n"
}

// harmless are those that cost little.
var harmless = map[string]bool{"comments": true, "another pattern": true, "a type": true}

// used is a group that needs the value of an expression.
func used(x string) string {
	return "locals {\n  used = " + x + "\n}\n" + ingress("cidr_blocks = local.used")
}

// doubling are locals each of which holds the one before twice.
func doubling(format, first string) string {
	var b strings.Builder
	b.WriteString("locals {\n  a0 = " + first + "\n")
	for i := range 40 {
		b.WriteString(fmt.Sprintf("  a%d = ", i+1) +
			strings.ReplaceAll(format, "~", fmt.Sprintf("local.a%d", i)) + "\n")
	}
	return b.String() + "}\n" + used("local.a40")
}

// spent is the time that this process has had of the CPUs: others may keep them busy.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHostile: each of them is answered after a second of work at most, with errors and
// little memory. The limit leaves room for what a busy machine makes slow.
func TestHostile(t *testing.T) {
	// What the collector leaves lying grows with what the tests have made before.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			s := bomb()
			file := convert.Source{Name: "a.tf", Data: []byte(s)}
			if c := s[0]; c == '{' || c == '[' {
				file.Name = "a.tf.json"
			}
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			done, stop, high := make(chan bool), make(chan bool), uint64(0)
			go func() {
				for {
					select {
					case <-stop:
						close(done)
						return
					case <-time.After(5 * time.Millisecond):
						runtime.ReadMemStats(&after)
						high = max(high, after.HeapInuse+after.StackInuse)
					}
				}
			}()
			began := spent(t)
			r := Import([]convert.Source{file}, convert.Options{})
			took := spent(t) - began
			close(stop)
			<-done
			if len(s) < 1<<20 {
				converttest.Check(t, []convert.Source{file}, r)
			}
			if r.Policy != nil && !harmless[name] {
				t.Errorf("it is taken: %d groups", len(r.Policy.Groups))
			}
			most := int64(high) - int64(before.HeapInuse+before.StackInuse)
			if took > 2*time.Second*detector || most > 200<<20 {
				t.Errorf("%v and %d MiB", took, most>>20)
			}
			t.Logf("%v, %d MiB: %.150s", took, most>>20, r.Problems.Error())
		})
	}
}

// TestModulesInCircles: a module that calls itself, and two that call each other.
func TestModulesInCircles(t *testing.T) {
	files := map[string]string{
		"a/main.tf": "module \"b\" {\n  source = \"../b\"\n}\n",
		"b/main.tf": "module \"a\" {\n  source = \"../a\"\n  count = 3\n}\n",
		"c/main.tf": "module \"c\" {\n  source = \"./\"\n}\n",
	}
	for _, dir := range []string{"a", "c"} {
		open := folders(files)
		sources, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r := Import(sources, convert.Options{Folder: open})
		if took := time.Since(began); r.Policy != nil || took > 5*time.Second*detector ||
			!strings.Contains(r.Problems.Error(), "in each other") {
			t.Errorf("%v %v", took, r.Problems)
		}
	}
}
