// Package pull is the wire between the host and the one constant PowerShell
// script that fetches a file over HTTP in the guest: what the script is, what
// it reads, what it says.
package pull

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/script"
)

//go:embed pull.ps1
var source string

const answerPrefix = "wintemplate-pull:"

var command = script.CommandLine(source)

// Command returns the command line that fetches a file; it is the same for
// every file, so that no address and no name is part of a command line.
func Command() string { return command }

// Request is what the script is asked for.
type Request struct {
	URL    string `json:"url"`
	Path   string `json:"path"`   // absolute, with a drive letter
	SHA256 string `json:"sha256"` // lower-case hexadecimal; another digest leaves no file
}

// Encode returns the script's standard input.
func (r Request) Encode() []byte {
	text, _ := json.Marshal(r) // three strings: it cannot fail
	return append(base64.StdEncoding.AppendEncode(nil, text), "\r\n"...)
}

// ParseResult finds the script's line in its standard output.
func ParseResult(stdout []byte) (script.Result, error) { return script.Parse(answerPrefix, stdout) }

// Take plays the script: it reads the request from stdin, fetches the file
// into store, and writes the answer to stdout, also when something fails.
func Take(ctx context.Context, stdin io.Reader, stdout io.Writer, store script.Store) error {
	digest, err := take(ctx, stdin, store)
	_, werr := io.WriteString(stdout, script.Say(answerPrefix, digest, err))
	if err == nil {
		err = werr
	}
	return err
}

func take(ctx context.Context, stdin io.Reader, store script.Store) (string, error) {
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("standard input ended before the request: %w", err)
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err != nil {
		return "", err
	}
	var r Request
	if err := json.Unmarshal(text, &r); err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return "", err
	}
	tr := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ResponseHeaderTimeout: 10 * time.Second, DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the remote server returned an error: (%d)", res.StatusCode)
	}
	f, err := store.Create(r.Path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if _, err := io.CopyBuffer(f, struct{ io.Reader }{res.Body}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	digest, err := f.SHA256()
	if err != nil || digest != r.SHA256 {
		return digest, err
	}
	return digest, f.Commit()
}
