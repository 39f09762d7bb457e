package winrm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/script"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/upload"
)

// patient are limits that no busy host reaches. What the guest has to say
// nothing to is asked again soon all the same.
var patient = winrm.Limits{
	Dial:      time.Minute,
	Operation: 200 * time.Millisecond,
	Header:    time.Minute,
	Exchange:  2 * time.Minute,
	CleanUp:   time.Minute,
}

// quick are limits short enough for tests of time-outs, in a bubble.
var quick = winrm.Limits{
	Dial:      2 * time.Second,
	Operation: 200 * time.Millisecond,
	Header:    600 * time.Millisecond,
	Exchange:  2 * time.Second,
	CleanUp:   2 * time.Second,
}

func endpoint(g *winrmtest.Guest) winrm.Endpoint {
	return winrm.Endpoint{Host: g.Host, Port: g.Port, User: g.User, Password: g.Password, Pin: g.Pin}
}

func client(g *winrmtest.Guest, limits winrm.Limits) *winrm.Client {
	return winrm.New(endpoint(g), winrm.WithLimits(limits), winrm.WithDialer(g.Dial))
}

// starter starts a guest, over TCP or piped.
type starter func(testing.TB, standin.Config) *winrmtest.Guest

// meets runs a test with the guest and the limits that a deed needs: a silence,
// and a fault, after which a Run waits a while for the process' own end, are met
// on a clock of their own, where short limits end them and nothing else; the
// network's ways to fail are met over TCP. Within is less than any limit there.
func meets(t *testing.T, do standin.Deed, test func(t *testing.T, start starter, limits winrm.Limits, within time.Duration)) {
	t.Helper()
	switch do {
	case standin.Freeze, standin.FreezeAfter, standin.NotReady, standin.FaultCode:
		synctest.Test(t, func(t *testing.T) { test(t, winrmtest.StartPiped, quick, 6*time.Second) })
	default:
		test(t, winrmtest.Start, patient, 45*time.Second)
	}
}

// noLeaks fails when shells outlive their commands.
func noLeaks(t *testing.T, g *winrmtest.Guest) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		shells, processes := g.Open()
		if shells == 0 && processes == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d shells and %d processes are left in the guest", shells, processes)
		}
	}
}

func TestRun(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := client(g, patient)
	big := strings.Repeat("0123456789abcde\r\n", 60_000)
	for _, tc := range []struct {
		name, line, stdin string
		useStdin          bool
		stdout, stderr    string
		exit              int
	}{
		{name: "stdout", line: "echo hello", stdout: "hello\r\n"},
		{name: "markup in the line", line: `echo <a> & "b" ]]> 'c' 한국어 日本語`, stdout: "<a> & \"b\" ]]> 'c' 한국어 日本語\r\n"},
		{name: "stderr and exit code", line: "fail 값이 없음", stderr: "값이 없음\r\n", exit: 3},
		{name: "reboot asked for", line: "exit 3010", exit: 3010},
		{name: "crash", line: "exit -1073741819", exit: -1073741819},
		{name: "stdin", line: "cat", stdin: "한국어\r\n日本語\r\n", useStdin: true, stdout: "한국어\r\n日本語\r\n"},
		{name: "no bytes on stdin", line: "count", useStdin: true, stdout: "0"},
		{name: "a megabyte through", line: "cat", stdin: big, useStdin: true, stdout: big},
		{name: "longer than the operation time-out", line: "sleep 900ms awake", stdout: "awake"},
		{name: "more than one answer", line: "spew 2000000", stdout: pattern(t, 2000000)},
		{name: "process ends before its stdin", line: "head 10", stdin: big + big + big, useStdin: true, stdout: "enough"},
		{name: "unknown program", line: "nosuch", exit: 1, stderr: "'nosuch' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdin io.Reader
			if tc.useStdin {
				stdin = strings.NewReader(tc.stdin)
			}
			var stdout, stderr bytes.Buffer
			exit, err := c.Run(t.Context(), tc.line, stdin, &stdout, &stderr)
			if err != nil {
				t.Fatal(err)
			}
			if exit != tc.exit || stderr.String() != tc.stderr {
				t.Errorf("exit %d, stderr %q; want %d, %q", exit, stderr.String(), tc.exit, tc.stderr)
			}
			if stdout.String() != tc.stdout {
				t.Errorf("stdout has %d bytes, want %d; begins %.80q", stdout.Len(), len(tc.stdout), stdout.String())
			}
			noLeaks(t, g)
		})
	}
}

func pattern(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	p := standin.Process{CommandLine: "spew " + itoa(n), Stdout: &b}
	winrmtest.Programs(t.Context(), p)
	return b.String()
}

func TestRunRefusesALongLine(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := winrm.New(endpoint(g))
	_, err := c.Run(t.Context(), "echo "+strings.Repeat("x", 8191), nil, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "8191") {
		t.Fatalf("got %v, want the limit named", err)
	}
	noLeaks(t, g)
}

func TestRunEndsPromptlyWithItsContext(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := winrm.New(endpoint(g)) // default limits: a Receive is held for 20 s
	reader, writer := io.Pipe()
	defer writer.Close()
	for name, stdin := range map[string]io.Reader{"no stdin": nil, "stdin that never comes": reader} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(300*time.Millisecond, cancel)
			began := time.Now()
			_, err := c.Run(ctx, "hang", stdin, io.Discard, io.Discard)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %s", took)
			}
			noLeaks(t, g)
		})
	}
}

func TestConcurrentRuns(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := client(g, patient)
	errs := make(chan error)
	for range 8 {
		go func() {
			var out bytes.Buffer
			_, err := c.Run(t.Context(), "cat", strings.NewReader("x"), &out, nil)
			if err == nil && out.String() != "x" {
				err = errors.New("got " + out.String())
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	noLeaks(t, g)
}

// disk is a script.Store in memory.
type disk struct {
	files  map[string][]byte
	damage bool
	full   int
}

type diskFile struct {
	disk *disk
	path string
	bytes.Buffer
}

func (d *disk) Create(path string) (script.File, error) { return &diskFile{disk: d, path: path}, nil }

func (f *diskFile) Write(p []byte) (int, error) {
	if f.disk.full > 0 && f.Len()+len(p) > f.disk.full {
		return 0, errors.New("디스크 공간이 부족합니다.")
	}
	return f.Buffer.Write(p)
}

func (f *diskFile) SHA256() (string, error) {
	b := f.Bytes()
	if f.disk.damage {
		b = b[:len(b)-1]
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
func (f *diskFile) Commit() error { f.disk.files[f.path] = f.Bytes(); return nil }
func (f *diskFile) Close() error  { return nil }

func (d *disk) start(_ context.Context, p standin.Process) int {
	if p.CommandLine != upload.Command() {
		return 1
	}
	_ = upload.Take(p.Stdin, p.Stdout, d)
	return 0
}

func TestUpload(t *testing.T) {
	for _, size := range []int{0, 1, upload.ChunkBytes - 1, upload.ChunkBytes, upload.ChunkBytes + 1, 3_000_000} {
		t.Run(itoa(size), func(t *testing.T) {
			d := &disk{files: map[string][]byte{}}
			g := winrmtest.Start(t, standin.Config{Start: d.start})
			c := client(g, patient)
			data := []byte(pattern(t, size))
			var last int64
			calls := 0
			digest, err := c.Upload(t.Context(), "C:/ProgramData/한국어 payload.msi", bytes.NewReader(data), int64(size), func(done int64) {
				if done < last {
					t.Errorf("progress went back from %d to %d", last, done)
				}
				last = done
				calls++
			})
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			if digest != hex.EncodeToString(sum[:]) || !bytes.Equal(d.files[`C:\ProgramData\한국어 payload.msi`], data) {
				t.Errorf("digest %s, %d files", digest, len(d.files))
			}
			if last != int64(size) || calls == 0 {
				t.Errorf("progress ended at %d after %d calls", last, calls)
			}
			if want := size/upload.ChunkBytes + 5; g.Requests("Send") > want {
				t.Errorf("%d Sends, want at most %d", g.Requests("Send"), want)
			}
			noLeaks(t, g)
		})
	}
}

func TestUploadFailures(t *testing.T) {
	data := []byte(pattern(t, 2_000_000))
	for _, tc := range []struct {
		name string
		disk disk
		path string
		size int64
		want string
	}{
		{"damaged", disk{damage: true}, `C:\x.bin`, 2_000_000, "arrived damaged"},
		{"disk full", disk{full: 600_000}, `C:\x.bin`, 2_000_000, "디스크 공간이 부족합니다."},
		{"no drive", disk{}, `x.bin`, 2_000_000, "drive letter"},
		{"a folder", disk{}, `C:\x\`, 2_000_000, "drive letter"},
		{"shorter than said", disk{}, `C:\x.bin`, 2_000_001, "2000000 read"},
		{"longer than said", disk{}, `C:\x.bin`, 1_999_999, "1999999 bytes it was said"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := tc.disk
			d.files = map[string][]byte{}
			g := winrmtest.Start(t, standin.Config{Start: d.start})
			c := client(g, patient)
			_, err := c.Upload(t.Context(), tc.path, bytes.NewReader(data), tc.size, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if len(d.files) > 0 && tc.name != "damaged" {
				t.Errorf("files are left: %d", len(d.files))
			}
			noLeaks(t, g)
		})
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func sprint(format string, v any) string { return fmt.Sprintf(format, v) }
