package delivery

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery/pull"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/engine"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

type machine struct{}

func (machine) ComputerName() string                     { return "WIN-STANDIN" }
func (machine) AbortShutdown() int                       { return 1116 }
func (machine) Shutdown(bool, time.Duration, string) int { return 0 }

func client(g *winrmtest.Guest) *winrm.Client {
	return winrm.New(winrm.Endpoint{Host: g.Host, Port: g.Port, User: g.User, Password: g.Password, Pin: g.Pin})
}

func serve(t *testing.T, guest string) *Server {
	t.Helper()
	s, err := Serve(t.Context(), guest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func payload(t *testing.T, size int) (File, []byte) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	path := filepath.Join(t.TempDir(), "드라이버 1.msi")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := LocalFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, data
}

const remote = `C:\ProgramData\wintemplate-test\x.msi`

func TestDeliver(t *testing.T) {
	blocked := func(ctx context.Context, p standin.Process) (int, bool) { // as behind a firewall
		if p.CommandLine == pull.Command() {
			<-ctx.Done()
			return 1, true
		}
		return 0, false
	}
	for _, tc := range []struct {
		name     string
		next     func(context.Context, standin.Process) (int, bool)
		noServer bool
		spoil    func(*File)
		way      Way
		httpErr  string
		err      string
	}{
		{name: "pulled", way: HTTP},
		{name: "no server", noServer: true, way: WinRM},
		{name: "the guest cannot reach the host", next: blocked, way: WinRM, httpErr: "firewall"},
		{name: "changed since its digest was taken", spoil: func(f *File) { f.SHA256 = strings.Repeat("0", 64) }, way: WinRM, httpErr: "damaged", err: "has changed"},
		{name: "gone", spoil: func(f *File) {
			f.open = func() (io.ReadCloser, error) { return nil, os.ErrNotExist }
		}, way: WinRM, httpErr: "500", err: "does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			disk := console.NewMemory()
			programs := &console.Console{Files: disk, Machine: machine{}, Next: tc.next}
			g := winrmtest.Start(t, standin.Config{Start: programs.Start})
			f, data := payload(t, 3_000_000)
			if tc.spoil != nil {
				tc.spoil(&f)
			}
			var server *Server
			if !tc.noServer {
				server = serve(t, g.Host)
				server.patience = time.Minute
				if tc.httpErr == "firewall" { // nobody will come
					server.patience = 300 * time.Millisecond
				}
			}
			last := map[Way]int64{}
			report, err := Deliver(t.Context(), client(g), server, f, remote, func(way Way, done int64) { last[way] = done })
			if report.Way != tc.way || !says(report.HTTPErr, tc.httpErr) || !says(err, tc.err) {
				t.Errorf("got %q, %v, %v; want %q, %q, %q", report.Way, report.HTTPErr, err, tc.way, tc.httpErr, tc.err)
			}
			if err != nil {
				return
			}
			if got, _ := disk.ReadFile(remote); !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived", len(got))
			}
			if last[tc.way] != f.Size {
				t.Errorf("progress ended at %d of %d", last[tc.way], f.Size)
			}
			if server != nil && len(server.offers) != 0 {
				t.Error("the offer stands")
			}
		})
	}
}

func says(err error, want string) bool {
	if err == nil {
		return want == ""
	}
	return want != "" && strings.Contains(err.Error(), want)
}

func TestServerGivesOnlyWhatIsOffered(t *testing.T) {
	s := serve(t, "127.0.0.1")
	f, data := payload(t, 1000)
	address, started, withdraw := s.offer(f.Name, f.Size, f.open, nil)
	get := func(url string) (int, string) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	if !strings.HasPrefix(address, "http://127.0.0.1:") {
		t.Errorf("it listens beyond the guest's side: %s", address)
	}
	if code, _ := get(address[:strings.LastIndexByte(address, '/')] + "/"); code != 404 {
		t.Errorf("folder: %d", code)
	}
	select {
	case <-started:
		t.Error("started without a request for it")
	default:
	}
	if code, body := get(address); code != 200 || body != string(data) {
		t.Errorf("%d, %d bytes", code, len(body))
	}
	<-started
	withdraw()
	if code, _ := get(address); code != 404 {
		t.Errorf("after it was taken back: %d", code)
	}
}

// TestAddressesCannotBeGuessed: each offer has 24 bytes of its own in its
// path, also the second one of the same file.
func TestAddressesCannotBeGuessed(t *testing.T) {
	s := serve(t, "127.0.0.1")
	f, _ := payload(t, 10)
	seen := map[string]bool{}
	for range 8 {
		address, _, withdraw := s.offer(f.Name, f.Size, f.open, nil)
		defer withdraw()
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		token, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if b, err := hex.DecodeString(token); err != nil || len(b) != 24 || seen[token] {
			t.Errorf("%s: %v", address, err)
		}
		seen[token] = true
	}
}

func TestServerFacesTheGuest(t *testing.T) {
	for _, guest := range []string{"127.0.0.1", "127.0.0.1:5986", "::1", "[::1]:5986"} {
		host, err := facing(t.Context(), guest)
		if want := strings.Trim(strings.TrimSuffix(guest, ":5986"), "[]"); err != nil || host != want {
			t.Errorf("%s: %s, %v; want %s", guest, host, err, want)
		}
	}
	if _, err := Serve(t.Context(), "no such host"); err == nil {
		t.Error("a guest that is no host")
	}
}

func TestPullCommandFitsCmd(t *testing.T) {
	if n := len(pull.Command()); n > 8191 {
		t.Errorf("the command line has %d characters; cmd.exe takes 8191", n)
	}
}

// The script itself, by a real engine.
func TestScriptPullByPowerShell(t *testing.T) {
	path := powershell.Find(t)
	c := t.TempDir() // drive C:, for an engine that is not Windows'
	if runtime.GOOS == "windows" {
		c = `C:\`
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(c, "ProgramData", "wintemplate-test")) })
	}
	g := winrmtest.Start(t, standin.Config{Start: engine.Engine{Path: path, Environment: []string{"PWSH_C=" + c}}.Start})
	s := serve(t, g.Host)
	f, data := payload(t, 5_000_000)
	there := filepath.Join(c, "ProgramData", "wintemplate-test", "x.msi")

	if err := s.pulled(t.Context(), client(g), f, remote, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(there); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
	wrong := f
	wrong.SHA256 = strings.Repeat("0", 64)
	if err := s.pulled(t.Context(), client(g), wrong, remote+"2", nil); !says(err, "damaged") {
		t.Errorf("wrong digest: %v", err)
	}
	gone := f
	gone.open = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	if err := s.pulled(t.Context(), client(g), gone, remote+"3", nil); !says(err, "500") {
		t.Errorf("gone: %v", err)
	}
	left, _ := filepath.Glob(there + "?*")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
