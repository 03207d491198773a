package screen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal of that size.
func terminal(t *testing.T, columns, rows uint16) *os.File {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no pseudo terminals here: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptmx.Close() })
	fd := int(ptmx.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	pts, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no pseudo terminals here: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pts.Close() })
	w := &unix.Winsize{Col: columns, Row: rows}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, w); err != nil {
		t.Fatal(err)
	}
	return pts
}

func TestOf(t *testing.T) {
	for _, tc := range []struct {
		columns, rows uint16
		env           map[string]string
		want          Screen
	}{
		{100, 30, nil, Screen{100, 30, true}},
		{0, 0, nil, Screen{80, 24, true}},
		{9, 5, nil, Screen{40, 5, true}},
		{100, 30, map[string]string{"NO_COLOR": "1"}, Screen{100, 30, false}},
		{100, 30, map[string]string{"TERM": "dumb"}, Screen{100, 30, false}},
		{100, 30, map[string]string{"COLUMNS": "132"}, Screen{132, 30, true}},
		{100, 30, map[string]string{"COLUMNS": "many"}, Screen{100, 30, true}},
	} {
		f := terminal(t, tc.columns, tc.rows)
		if got := Of(f, func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%d x %d, %v: %+v, want %+v", tc.columns, tc.rows, tc.env, got, tc.want)
		}
	}
	none, columns := func(string) string { return "" }, func(name string) string {
		return map[string]string{"COLUMNS": "90"}[name]
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := Of(file, none); got != (Screen{}) {
		t.Errorf("a file: %+v", got)
	}
	if got := Of(new(bytes.Buffer), none); got != (Screen{}) {
		t.Errorf("no file: %+v", got)
	}
	if got := Of(file, columns); got != (Screen{Width: 90}) {
		t.Errorf("a file and COLUMNS: %+v", got)
	}
}
