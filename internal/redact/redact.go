// Package redact keeps secrets out of everything that a build says.
//
// Packer's own filter does nothing inside a plugin: LogSecretFilter is one
// variable per process, the plugin speaks to Packer through its RPC Ui, which
// is unfiltered, and Packer's core knows only values that the template calls
// sensitive. So every component registers its secrets here, and main.go, the
// Ui and returned errors all pass through this one place.
package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"html"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

// Mask stands where a secret stood.
const Mask = "<sensitive>"

// shortest is the length in bytes below which a form is not looked for: it
// would blank out half of a log and hide nothing.
const shortest = 4

var (
	mu    sync.RWMutex
	forms []string // longest first, so that no form is cut by a shorter one
)

// Add registers secret in every form in which this project or its libraries
// write it: plain, JSON, XML and URL escaped, base64 of UTF-8 and of UTF-16LE
// at each of the three alignments that base64 has inside a longer text. It
// holds for the whole process and may be called from any goroutine. Secrets
// shorter than four bytes are not registered.
func Add(secret string) {
	if len(secret) < shortest {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	for _, f := range encodings(secret) {
		if len(f) >= shortest && !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
}

func encodings(s string) []string {
	out := []string{s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s)}
	if b, err := json.Marshal(s); err == nil {
		out = append(out, string(b[1:len(b)-1]))
	}
	var x bytes.Buffer
	if xml.EscapeText(&x, []byte(s)) == nil {
		out = append(out, x.String())
	}
	wide := utf16le(s)
	for _, raw := range [][]byte{[]byte(s), wide} {
		for shift := range 3 {
			out = append(out, insideBase64(raw, shift))
		}
	}
	return append(out, string(wide), url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))))
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// insideBase64 is the part of raw's base64 that does not depend on what
// stands before and behind it, when raw begins shift bytes into a group of
// three.
func insideBase64(raw []byte, shift int) string {
	if shift > 0 {
		// the group that raw shares with its predecessor is not ours alone
		skip := 3 - shift
		if len(raw) <= skip {
			return ""
		}
		raw = raw[skip:]
	}
	raw = raw[:len(raw)/3*3]
	return base64.StdEncoding.EncodeToString(raw)
}

// String is s with every registered secret masked.
func String(s string) string {
	mu.RLock()
	defer mu.RUnlock()
	for _, f := range forms {
		s = strings.ReplaceAll(s, f, Mask)
	}
	return s
}

// Writer masks secrets in what is written through it to w. A secret that is
// cut in two by the edge of a Write is found when the writes are whole lines,
// as those of the log package are; other text is held back until its line
// ends, or until 64 KiB have gathered.
func Writer(w io.Writer) io.Writer { return &writer{w: w} }

const longestLine = 64 << 10

type writer struct {
	mu   sync.Mutex
	w    io.Writer
	held []byte
}

func (r *writer) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = append(r.held, p...)
	end := bytes.LastIndexByte(r.held, '\n') + 1
	if end == 0 {
		if len(r.held) < longestLine {
			return len(p), nil
		}
		end = len(r.held)
	}
	out := String(string(r.held[:end]))
	r.held = append(r.held[:0], r.held[end:]...)
	if _, err := io.WriteString(r.w, out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is still held back for want of a line's end.
func Flush(w io.Writer) error {
	r, ok := w.(*writer)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := String(string(r.held))
	r.held = r.held[:0]
	_, err := io.WriteString(r.w, out)
	return err
}

// Error is err with a masked message. errors.Is and errors.As see through it.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{err}
}

type redacted struct{ err error }

func (r *redacted) Error() string { return String(r.err.Error()) }
func (r *redacted) Unwrap() error { return r.err }
