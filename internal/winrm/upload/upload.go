// Package upload is the wire between a sender of files and the one constant
// PowerShell script that takes them in the guest: what the script is, what it
// reads, what it says. It knows nothing of WinRM, so that a stand-in can play
// the script's part without PowerShell.
package upload

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/script"
)

//go:embed upload.ps1
var source string

// ChunkBytes is how much of the file one line carries. Ansible sends as much
// per request under the same 500 KB envelope: encoded twice it is 444 KB.
const ChunkBytes = 250_000

// answerPrefix marks the script's one line.
const answerPrefix = "wintemplate-upload:"

var command = script.CommandLine(source)

// Command returns the command line that takes a file; it is the same for every
// file, so nothing of a file's name is ever part of a command line.
func Command() string { return command }

// Lines cuts a file into the lines that the script reads.
type Lines struct {
	src   io.Reader
	path  string
	hash  hash.Hash
	state int
	buf   [2][]byte // lines, used in turn: the last one is still in use when the next is made
	turn  int
	raw   []byte
	sent  int64
}

// NewLines returns the lines that put src at path. The path is absolute, with
// a drive letter.
func NewLines(path string, src io.Reader) (*Lines, error) {
	path = strings.ReplaceAll(path, "/", `\`)
	if len(path) < 4 || path[1] != ':' || path[2] != '\\' || strings.HasSuffix(path, `\`) {
		return nil, fmt.Errorf("remote path %q: want a file's absolute path with a drive letter, as C:\\folder\\name", path)
	}
	return &Lines{src: src, path: path, hash: sha256.New(), raw: make([]byte, ChunkBytes)}, nil
}

// Next returns the next line with its CRLF, and how many bytes of the file
// were in it and all before; io.EOF after the last. A line is valid until the
// call after the next.
func (l *Lines) Next() (line []byte, done int64, err error) {
	l.turn = 1 - l.turn
	b := l.buf[l.turn][:0]
	switch l.state {
	case 0:
		b = base64.StdEncoding.AppendEncode(b, []byte(l.path))
		l.state = 1
	case 1:
		n, err := io.ReadFull(l.src, l.raw)
		if n == 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			b = append(b, "="+l.SHA256()...)
			l.state = 2
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, l.sent, err
		}
		l.hash.Write(l.raw[:n])
		l.sent += int64(n)
		b = base64.StdEncoding.AppendEncode(b, l.raw[:n])
	default:
		return nil, l.sent, io.EOF
	}
	b = append(b, "\r\n"...)
	l.buf[l.turn] = b
	return b, l.sent, nil
}

// SHA256 returns the digest of the file's bytes so far, in lower-case
// hexadecimal.
func (l *Lines) SHA256() string { return hex.EncodeToString(l.hash.Sum(nil)) }

// ParseResult finds the script's line in its standard output.
func ParseResult(stdout []byte) (script.Result, error) { return script.Parse(answerPrefix, stdout) }

// Take plays the script: it reads the lines from stdin, fills store, and
// writes the answer to stdout, also when something fails.
func Take(stdin io.Reader, stdout io.Writer, store script.Store) error {
	digest, err := take(stdin, store)
	_, werr := io.WriteString(stdout, script.Say(answerPrefix, digest, err))
	return errors.Join(err, werr)
}

func take(stdin io.Reader, store script.Store) (digest string, err error) {
	r := bufio.NewReaderSize(stdin, 1<<20)
	line, err := readLine(r)
	if err != nil {
		return "", err
	}
	path, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		return "", fmt.Errorf("the path is not base64: %w", err)
	}
	f, err := store.Create(string(path))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw := make([]byte, ChunkBytes+3)
	for {
		line, err := readLine(r)
		if err != nil {
			return "", err
		}
		if len(line) > 0 && line[0] == '=' {
			digest, err := f.SHA256()
			if err != nil || digest != string(line[1:]) {
				return digest, err
			}
			return digest, f.Commit()
		}
		if n := base64.StdEncoding.DecodedLen(len(line)); n > len(raw) {
			raw = make([]byte, n)
		}
		n, err := base64.StdEncoding.Decode(raw, line)
		if err != nil {
			return "", err
		}
		if _, err := f.Write(raw[:n]); err != nil {
			return "", err
		}
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("standard input ended within the file: %w", err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
