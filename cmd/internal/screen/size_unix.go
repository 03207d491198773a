//go:build unix

package screen

import "golang.org/x/sys/unix"

// size is that of a terminal, if the file is one.
func size(fd uintptr) (width, height int, terminal bool) {
	w, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(w.Col), int(w.Row), true
}
