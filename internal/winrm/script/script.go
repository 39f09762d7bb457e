// Package script puts a constant PowerShell script on a command line and reads
// the one line it says: what the two scripts that put a file on the guest's
// disk have in common.
package script

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// CommandLine returns the powershell.exe command line that runs source. Comment
// lines and indentation are left out of it, so source holds no here-strings.
// cmd.exe takes 8,191 characters, which is a script of about 3,000.
func CommandLine(source string) string {
	return "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand " + encoded(shorten(source))
}

func shorten(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// encoded is base64 of UTF-16LE.
func encoded(text string) string {
	var raw []byte
	for _, u := range utf16.Encode([]rune(text)) {
		raw = append(raw, byte(u), byte(u>>8))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// Result is what a script said of the file it wrote.
type Result struct {
	SHA256 string // of the bytes on the guest's disk, lower-case hexadecimal
	Error  string // the guest's words, in its language; "" when there is a digest
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Parse finds the script's line, which begins with prefix, in its standard
// output. Other lines, which a profile or a policy may write, are passed over.
func Parse(prefix string, stdout []byte) (Result, error) {
	for line := range bytes.Lines(stdout) {
		said, found := strings.CutPrefix(strings.TrimSpace(string(line)), prefix)
		if !found {
			continue
		}
		if digest, ok := strings.CutPrefix(said, "ok:"); ok && sha256Hex.MatchString(digest) {
			return Result{SHA256: digest}, nil
		}
		if text, ok := strings.CutPrefix(said, "error:"); ok {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				return Result{Error: strings.ToValidUTF8(string(raw), "\uFFFD")}, nil
			}
		}
		return Result{}, fmt.Errorf("the guest's script said %q", said)
	}
	return Result{}, errors.New("the guest's script said nothing")
}

// Say writes what a script would say: for the stand-in that plays its part.
func Say(prefix, digest string, err error) string {
	if err != nil {
		return prefix + "error:" + base64.StdEncoding.EncodeToString([]byte(err.Error())) + "\r\n"
	}
	return prefix + "ok:" + digest + "\r\n"
}

// Store is a disk that a file can be put on: the scripts' side, for a guest
// without PowerShell.
type Store interface {
	// Create opens the file to be filled, under another name.
	Create(path string) (File, error)
}

// File is a file being filled. Close without Commit leaves nothing behind.
type File interface {
	Write(p []byte) (int, error)
	// SHA256 returns the digest of what is on disk.
	SHA256() (string, error)
	// Commit makes the file appear under its name.
	Commit() error
	Close() error
}
