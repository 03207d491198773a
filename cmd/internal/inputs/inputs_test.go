package inputs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"sgfw/policy/file"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRead: files, a pipe, and of a folder what Terraform reads.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	main := write(t, dir, "main.tf", "a")
	write(t, dir, "b.tf.json", "b")
	write(t, dir, "c.auto.tfvars", "c")
	write(t, dir, "production.tfvars", "only when it is named")
	write(t, dir, ".hidden.tf", "no")
	write(t, dir, "README.md", "no")
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, empty, "x.txt", "no")
	sources, err := Read([]string{dir, "-", main}, strings.NewReader("piped"))
	var got []string
	for _, s := range sources {
		got = append(got, filepath.Base(s.Name)+"="+string(s.Data))
	}
	if want := "b.tf.json=b c.auto.tfvars=c main.tf=a stdin=piped main.tf=a"; err != nil ||
		strings.Join(got, " ") != want {
		t.Errorf("%q %v", got, err)
	}
	values, err := Read([]string{filepath.Join(dir, "production.tfvars")}, nil)
	if err != nil || len(values) != 1 {
		t.Errorf("values that are named: %v %v", values, err)
	}
	if _, err := Read([]string{empty}, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Read([]string{filepath.Join(dir, "none")}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Read([]string{"none", "-", "nor-this", "-"}, strings.NewReader("")); err == nil ||
		strings.Count(err.Error(), "no such file") != 2 ||
		!strings.Contains(err.Error(), "standard input is given twice") {
		t.Errorf("several things wrong: %v", err)
	}
	if _, err := Read([]string{"-"}, endless{}); !errors.Is(err, ErrTooBig) {
		t.Errorf("no end: %v", err)
	}
	if _, err := Read([]string{"/dev/zero"}, nil); !errors.Is(err, file.ErrNotRegular) {
		t.Errorf("a device: %v", err)
	}
}

// TestTemplates: a folder that cdk synth has written has its templates, and nothing else of
// what is there; a module of Terraform is never such a folder.
func TestTemplates(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Web.template.json", "a")
	write(t, dir, "Web.assets.json", "no")
	write(t, dir, "manifest.json", "no")
	write(t, dir, "Data.template.json", "b")
	sources, err := Read([]string{dir}, nil)
	if err != nil || len(sources) != 2 || string(sources[0].Data) != "b" ||
		filepath.Base(sources[1].Name) != "Web.template.json" {
		t.Errorf("%v %v", sources, err)
	}
	var r Reader
	if _, err := r.Folder(dir); !errors.Is(err, ErrEmpty) {
		t.Errorf("a module: %v", err)
	}
	write(t, dir, "main.tf", "c")
	if sources, err := Read([]string{dir}, nil); err != nil || len(sources) != 1 {
		t.Errorf("with a configuration: %v %v", sources, err)
	}
}

// endless is a text without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '{'
	}
	return len(b), nil
}

// TestEncodings: what PowerShell's redirection writes is read, and so is a byte order mark.
func TestEncodings(t *testing.T) {
	wide := func(mark string, low, high int) string {
		var b strings.Builder
		b.WriteString(mark)
		for _, u := range utf16.Encode([]rune("Büro \U0001F3E2")) {
			pair := [2]byte{byte(u), byte(u >> 8)}
			b.Write([]byte{pair[low], pair[high]})
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"plain": "Büro \U0001F3E2", "marked": "\uFEFFBüro \U0001F3E2",
		"little": wide("\xFF\xFE", 0, 1), "big": wide("\xFE\xFF", 1, 0)} {
		if got, err := decoded([]byte(text)); string(got) != "Büro \U0001F3E2" || err != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for text, want := range map[string]error{"\xFF\xFEa": errHalf, "\xFE\xFF\x00a\x00": errHalf,
		"\x1F\x8B\x08": errCompressed, "PK\x03\x04": errCompressed} {
		if got, err := decoded([]byte(text)); got != nil || !errors.Is(err, want) {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}
