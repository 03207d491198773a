package inputs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
)

// What of a text in UTF-16 or a file of another kind is no text.
var (
	errHalf       = errors.New("the text in UTF-16 ends in the middle of a character")
	errCompressed = errors.New("the file is compressed: give what gzip -dc or unzip -p prints of it")
)

// compressed are the first bytes of files of gzip and zip.
var compressed = []string{"\x1F\x8B", "PK\x03\x04"}

// decoded is a text in UTF-8 without a byte order mark. Redirections of PowerShell write
// UTF-16 with one.
func decoded(data []byte) ([]byte, error) {
	for _, begin := range compressed {
		if bytes.HasPrefix(data, []byte(begin)) {
			return nil, errCompressed
		}
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\uFEFF")), nil
	}
	if len(data)%2 != 0 {
		return nil, errHalf
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units))), nil
}
