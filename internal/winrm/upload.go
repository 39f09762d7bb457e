package winrm

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/upload"
)

// Upload writes size bytes of src to remotePath in the guest, creating its
// folder, and returns the SHA-256 (lower-case hexadecimal) that the guest
// computed of the bytes on its disk; a digest other than that of the bytes
// sent is a *DigestError and leaves no file behind. The file appears under its
// name only when it is complete; one that is there is replaced. progress (may
// be nil) is called with the number of bytes the guest has taken, from one
// goroutine.
//
// One shell, one process, whole base64 lines on its standard input: Packer's
// own upload runs one echo command of 6 KB after the other, some 500 requests
// a megabyte.
func (c *Client) Upload(ctx context.Context, remotePath string, src io.Reader, size int64, progress func(done int64)) (sha256hex string, err error) {
	lines, err := upload.NewLines(remotePath, io.LimitReader(src, size+1))
	if err != nil {
		return "", err
	}
	f := &lineFeed{lines: lines, size: size, progress: progress}
	var stdout, stderr bytes.Buffer
	exit, err := c.run(ctx, upload.Command(), f, &stdout, &stderr)
	said, perr := upload.ParseResult(stdout.Bytes())
	switch {
	case f.short != nil:
		return "", fmt.Errorf("upload to %s: %w", remotePath, f.short)
	case perr == nil && said.Error != "":
		return "", fmt.Errorf("upload to %s: the guest could not write it: %s", remotePath, said.Error)
	case err != nil:
		return "", fmt.Errorf("upload to %s: %w", remotePath, err)
	case perr != nil:
		return "", fmt.Errorf("upload to %s: %w (exit code %d, stderr %q)", remotePath, perr, exit, shortened(stderr.String()))
	case said.SHA256 != lines.SHA256():
		return "", &DigestError{Path: remotePath, Want: lines.SHA256(), Got: said.SHA256}
	}
	return said.SHA256, nil
}

// lineFeed gives whole lines to a command, and counts.
type lineFeed struct {
	lines    *upload.Lines
	size     int64
	progress func(int64)
	short    error // the source is not as long as was said
}

func (f *lineFeed) next() ([]byte, func(), error) {
	line, done, err := f.lines.Next()
	if err == nil && (done > f.size || (bytes.HasPrefix(line, []byte("=")) && done < f.size)) {
		f.short = fmt.Errorf("the file has not the %d bytes it was said to have (%d read); has it changed?", f.size, done)
		return nil, nil, f.short
	}
	if err != nil {
		f.short = err
		return nil, nil, err
	}
	sent := func() {
		if f.progress != nil {
			f.progress(done)
		}
	}
	if bytes.HasPrefix(line, []byte("=")) {
		return line, sent, io.EOF // the script ends with this line: nothing may follow it
	}
	return line, sent, nil
}

func shortened(text string) string {
	const limit = 400
	if text = oneLine(text); len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
