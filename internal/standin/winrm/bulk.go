package winrm

import (
	"bytes"
	"strconv"
	"strings"
)

// bulk holds long runs of base64 that were lifted out of an envelope before
// encoding/xml saw it: the decoder reads byte by byte, and a full Send carries
// 444 KB in one text node.
type bulk struct{ runs [][]byte }

const (
	bulkMinimum = 4096
	bulkMark    = "\ue000" // private use: in no envelope of a WinRM client
)

// lift replaces the text of each Stream element that is one long run of base64
// by a mark.
func lift(raw []byte) ([]byte, *bulk) {
	b := &bulk{}
	if len(raw) < bulkMinimum || bytes.Contains(raw, []byte(bulkMark)) {
		return raw, b
	}
	var out bytes.Buffer
	rest := raw
	for {
		open := bytes.IndexByte(rest, '>')
		if open < 0 {
			break
		}
		text := rest[open+1:]
		end := bytes.IndexByte(text, '<')
		if end < 0 {
			break
		}
		if end >= bulkMinimum && opensStream(rest[:open]) && isBase64(text[:end]) {
			out.Write(rest[:open+1])
			out.WriteString(bulkMark + strconv.Itoa(len(b.runs)))
			b.runs = append(b.runs, text[:end])
		} else {
			out.Write(rest[:open+1+end])
		}
		rest = text[end:]
	}
	out.Write(rest)
	return out.Bytes(), b
}

// opensStream reports whether text ends in a start tag, without its bracket,
// of an element Stream in any namespace.
func opensStream(text []byte) bool {
	tag := text[bytes.LastIndexByte(text, '<')+1:]
	name, _, _ := bytes.Cut(tag, []byte(" "))
	return bytes.Equal(name[bytes.LastIndexByte(name, ':')+1:], []byte("Stream"))
}

// text gives back what stands for s.
func (b *bulk) text(s string) []byte {
	if n, ok := strings.CutPrefix(s, bulkMark); ok {
		if i, err := strconv.Atoi(n); err == nil && i >= 0 && i < len(b.runs) {
			return b.runs[i]
		}
	}
	return []byte(s)
}

var base64Alphabet = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \r\n\t" {
		t[c] = true
	}
	return
}()

func isBase64(p []byte) bool {
	for _, c := range p {
		if !base64Alphabet[c] {
			return false
		}
	}
	return true
}
