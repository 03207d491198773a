package screen

import (
	"io"
	"os"
	"strconv"
)

// Screen is where text goes. The zero value is a file: lines as long as they
// want, no colours.
type Screen struct {
	// Width is the number of columns, 0 for no bound.
	Width int
	// Height is the number of lines, 0 where there is no terminal.
	Height int
	// Colour is true where colours show.
	Colour bool
}

// Bounds that a terminal without a size of its own has, and below which no table
// can be read.
const (
	defaultWidth  = 80
	defaultHeight = 24
	leastWidth    = 40
)

// Of finds out about w. COLUMNS, as watch(1) and people set it, bounds the width also
// where w is no terminal. NO_COLOR, whatever its value, and TERM=dumb keep colours
// away.
func Of(w io.Writer, getenv func(string) string) Screen {
	var s Screen
	if f, ok := w.(*os.File); ok {
		if width, height, terminal := size(f.Fd()); terminal {
			s = Screen{Width: width, Height: height,
				Colour: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
			if width == 0 || height == 0 { // a serial line does not know
				s.Width, s.Height = defaultWidth, defaultHeight
			}
		}
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		s.Width = n
	}
	if s.Width > 0 {
		s.Width = max(s.Width, leastWidth)
	}
	return s
}

// Wide is the same screen with lines as long as they want.
func (s Screen) Wide() Screen {
	s.Width = 0
	return s
}

// AtMost is the same screen, of no more columns than n.
func (s Screen) AtMost(n int) Screen {
	if s.Width == 0 || s.Width > n {
		s.Width = n
	}
	return s
}
