package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery/pull"
)

// Guest is what a delivery needs of a guest; *winrm.Client is one.
type Guest interface {
	Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error)
	Upload(ctx context.Context, remotePath string, src io.Reader, size int64, progress func(done int64)) (sha256hex string, err error)
}

// File is a file of the host's, its size and digest taken before it is sent.
type File struct {
	Name   string // base name
	Size   int64
	SHA256 string // lower-case hexadecimal
	open   func() (io.ReadCloser, error)
}

// LocalFile reads a file once, for its digest.
func LocalFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return File{
		Name:   filepath.Base(path),
		Size:   n,
		SHA256: hex.EncodeToString(h.Sum(nil)),
		open:   func() (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}

// Way is how a file got into the guest.
type Way string

// The ways, the faster first.
const (
	HTTP  Way = "http"  // the guest pulled it from a server of ours
	WinRM Way = "winrm" // sent over WinRM
)

// Report says how a file got there, and why not faster.
type Report struct {
	Way     Way
	HTTPErr error // why the guest could not pull it; nil when it did, or was not asked to
}

// httpPatience is how long the guest's request may take to arrive: a starting
// PowerShell and the script's own connect time-out of 10 s. A firewall of the
// host's that drops it costs this much, once.
const httpPatience = 45 * time.Second

// Deliver puts f at remotePath in the guest. server may be nil (the guest
// cannot reach this host): then it goes over WinRM. progress (may be nil) gets
// the bytes of f on their way so far; it starts anew with another way.
func Deliver(ctx context.Context, g Guest, server *Server, f File, remotePath string, progress func(way Way, done int64)) (Report, error) {
	if progress == nil {
		progress = func(Way, int64) {}
	}
	var report Report
	if server != nil {
		report.HTTPErr = server.pulled(ctx, g, f, remotePath, func(done int64) { progress(HTTP, done) })
		if report.HTTPErr == nil {
			report.Way = HTTP
			return report, nil
		}
		if ctx.Err() != nil {
			return report, report.HTTPErr
		}
	}
	report.Way = WinRM
	src, err := f.open()
	if err != nil {
		return report, err
	}
	defer src.Close()
	digest, err := g.Upload(ctx, remotePath, src, f.Size, func(done int64) { progress(WinRM, done) })
	if err == nil && digest != f.SHA256 {
		err = fmt.Errorf("%s has changed since its digest was taken: was %s, is %s", f.Name, f.SHA256, digest)
	}
	return report, err
}

// errNotReached says that no request came.
var errNotReached = errors.New("the guest did not reach the HTTP server on this host; is there a firewall between them?")

// pulled lets the guest fetch f.
func (s *Server) pulled(ctx context.Context, g Guest, f File, remotePath string, progress func(int64)) error {
	address, started, withdraw := s.offer(f.Name, f.Size, f.open, progress)
	defer withdraw()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-started:
		case <-ctx.Done():
		case <-time.After(s.patience):
			select {
			case <-started: // on a busy host both can be so before this looks
			default:
				cancel(errNotReached)
			}
		}
	}()
	var stdout, stderr bytes.Buffer
	request := pull.Request{URL: address, Path: remotePath, SHA256: f.SHA256}
	exit, err := g.Run(ctx, pull.Command(), bytes.NewReader(request.Encode()), &stdout, &stderr)
	said, perr := pull.ParseResult(stdout.Bytes())
	switch {
	case err != nil:
		return err
	case perr != nil:
		return fmt.Errorf("%w (exit code %d)", perr, exit)
	case said.Error != "":
		return errors.New("the guest could not fetch it: " + said.Error)
	case said.SHA256 != f.SHA256:
		return fmt.Errorf("it arrived damaged: want SHA-256 %s, the guest has %s", f.SHA256, said.SHA256)
	}
	return nil
}
