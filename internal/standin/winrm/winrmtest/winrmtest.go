// Package winrmtest starts the stand-in WinRM server for a test, with a few
// small programs behind it.
package winrmtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

// Guest is a running server and how to reach it.
type Guest struct {
	*winrm.Server
	Host     string
	Port     int
	User     string
	Password string
	Pin      [sha256.Size]byte // of its certificate
	// Dial leads to it, for winrm.WithDialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Start serves on a loopback port until the test ends. Config's Start defaults
// to Programs, its Authenticate to Administrator with a fixed password, its
// Certificate to a fresh one.
func Start(t testing.TB, cfg winrm.Config) *Guest {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, cfg, l, l.Addr().(*net.TCPAddr).Port, (&net.Dialer{}).DialContext)
}

func serve(t testing.TB, cfg winrm.Config, l net.Listener, port int, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Guest {
	t.Helper()
	g := &Guest{Host: "127.0.0.1", Port: port, User: "Administrator", Password: "Pa&<ss>w0rd-" + strconv.Itoa(4711), Dial: dial}
	if cfg.Start == nil {
		cfg.Start = Programs
	}
	if cfg.Authenticate == nil {
		cfg.Authenticate = func(user, password string) bool { return user == g.User && password == g.Password }
	}
	if cfg.Certificate.Certificate == nil {
		cert, err := winrm.SelfSigned()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificate = cert
	}
	g.Pin = sha256.Sum256(cfg.Certificate.Certificate[0])
	s, err := winrm.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.Server = s
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		_ = l.Close()
		<-done
	})
	return g
}

// Programs is a Starter of a few small programs: "echo TEXT", "fail TEXT"
// (stderr, exit code 3), "cat", "head N" (reads N bytes and ends), "count"
// (stdin's size), "sleep DURATION [TEXT]", "spew N" (N bytes on stdout), "hang"
// (until told to end), "exit N".
func Programs(ctx context.Context, p winrm.Process) int {
	name, rest, _ := strings.Cut(p.CommandLine, " ")
	switch name {
	case "echo":
		fmt.Fprintf(p.Stdout, "%s\r\n", rest)
	case "fail":
		fmt.Fprintf(p.Stderr, "%s\r\n", rest)
		return 3
	case "cat":
		if _, err := io.Copy(p.Stdout, p.Stdin); err != nil {
			return 1
		}
	case "head":
		n, _ := strconv.ParseInt(rest, 10, 64)
		_, _ = io.CopyN(io.Discard, p.Stdin, n)
		fmt.Fprint(p.Stdout, "enough")
	case "count":
		n, _ := io.Copy(io.Discard, p.Stdin)
		fmt.Fprint(p.Stdout, n)
	case "sleep":
		length, text, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(length)
		if err != nil {
			return 1
		}
		select {
		case <-time.After(d):
			fmt.Fprint(p.Stdout, text)
		case <-ctx.Done():
			return -1
		}
	case "spew":
		n, _ := strconv.ParseInt(rest, 10, 64)
		_, _ = io.CopyN(p.Stdout, &pattern{}, n)
	case "hang":
		<-ctx.Done()
		return -1073741510 // 0xC000013A, STATUS_CONTROL_C_EXIT
	case "exit":
		n, _ := strconv.ParseInt(rest, 10, 64)
		return int(n)
	default:
		fmt.Fprintf(p.Stderr, "'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", name)
		return 1
	}
	return 0
}

// pattern is an endless alphabet.
type pattern struct{ at int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte('a' + p.at%26)
		p.at++
	}
	return len(b), nil
}
