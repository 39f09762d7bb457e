// Command bench measures how fast a payload gets into a guest: by Packer's own
// upload, by this project's sender over WinRM, pulled by the guest over HTTP,
// and found on a disc (one command, in which the guest reads and hashes it),
// against one stand-in server with the same delay before every answer. It
// prints ratios, and fails when one is below its target.
//
// The server is on the loopback and the guest's side is Go, not PowerShell: it
// is the round trips that are compared. Packer's author measured some 8 ms a
// request on a real guest (packer-windows-plugins#3).
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	sdkwinrm "github.com/hashicorp/packer-plugin-sdk/sdk-internals/communicator/winrm"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery"
	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

func main() {
	log.SetOutput(io.Discard) // Packer's communicator logs every command
	size := flag.Int64("size", 64, "payload in MiB")
	packer := flag.Int64("packer-size", 0, "payload in MiB for Packer's own upload, whose time is then scaled up; 0: the same payload")
	delay := flag.Duration("delay", 5*time.Millisecond, "delay before the answer to each request")
	var targets targets
	flag.Float64Var(&targets.winrm, "target", 60, "how many times as fast as Packer's upload the sender over WinRM must be")
	flag.Float64Var(&targets.pull, "pull-target", 100, "the same for the pull over HTTP")
	flag.Float64Var(&targets.disc, "disc-target", 100, "the same for what lies on a disc")
	flag.Parse()
	if err := run(*size<<20, *packer<<20, *delay, targets); err != nil {
		fmt.Fprintln(os.Stderr, "bench delivery:", err)
		os.Exit(1)
	}
}

type targets struct{ winrm, pull, disc float64 }

func run(size, packerSize int64, delay time.Duration, want targets) error {
	payload := make([]byte, size)
	_, _ = rand.Read(payload)
	disc, err := writeTemp(payload)
	if err != nil {
		return err
	}
	defer os.Remove(disc)
	g, err := start(delay, disc)
	if err != nil {
		return err
	}
	defer g.server.Close()
	if packerSize <= 0 || packerSize > size {
		packerSize = size
	}

	packer, err := timed(func() error { return g.byPacker(payload[:packerSize]) })
	if err != nil {
		return fmt.Errorf("packer's upload: %w", err)
	}
	scaled := time.Duration(float64(packer) * float64(size) / float64(packerSize))
	note := ""
	if packerSize != size {
		note = fmt.Sprintf(" (%d MiB took %s, scaled)", packerSize>>20, packer.Round(time.Millisecond))
	}
	fmt.Printf("delivery/packer: %d MiB in %s%s, %s a request\n", size>>20, scaled.Round(time.Millisecond), note, delay)

	missed := []error{}
	for _, rung := range []struct {
		name   string
		target float64
		do     func([]byte) error
	}{
		{"winrm", want.winrm, g.byOwnSender},
		{"pull", want.pull, g.byPull},
		{"disc", want.disc, g.onDisc},
	} {
		took, err := timed(func() error { return rung.do(payload) })
		if err != nil {
			return fmt.Errorf("%s: %w", rung.name, err)
		}
		ratio := float64(scaled) / float64(took)
		fmt.Printf("delivery/%s: %d MiB in %s\n", rung.name, size>>20, took.Round(time.Millisecond))
		fmt.Printf("bench delivery/%s: %.1f x (target >= %.0f)\n", rung.name, ratio, rung.target)
		if ratio < rung.target {
			missed = append(missed, fmt.Errorf("%s missed its target", rung.name))
		}
	}
	return errors.Join(missed...)
}

func writeTemp(data []byte) (string, error) {
	f, err := os.CreateTemp("", "payload-*.bin")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	return f.Name(), errors.Join(err, f.Close())
}

func timed(do func() error) (time.Duration, error) {
	began := time.Now()
	err := do()
	return time.Since(began), err
}

const (
	user   = "Administrator"
	remote = `C:\ProgramData\payload.bin`
)

// guest is a stand-in server whose answers are late.
type guest struct {
	server   *standin.Server
	disk     *console.Memory
	port     int
	pin      winrm.Pin
	password string
	disc     string // the payload as a file
}

func start(delay time.Duration, disc string) (*guest, error) {
	cert, err := standin.SelfSigned()
	if err != nil {
		return nil, err
	}
	g := &guest{disc: disc, disk: console.NewMemory(), pin: winrm.PinOf(cert.Certificate[0]), password: hex.EncodeToString(cert.Certificate[0][:8])}
	programs := &console.Console{Files: g.disk, Machine: machine{}, Next: func(_ context.Context, p standin.Process) (int, bool) {
		if p.CommandLine != hashDisc {
			return 0, false
		}
		digest, err := delivery.LocalFile(disc)
		if err != nil {
			fmt.Fprint(p.Stderr, err)
			return 1, true
		}
		fmt.Fprint(p.Stdout, digest.SHA256)
		return 0, true
	}}
	g.server, err = standin.NewServer(standin.Config{
		Certificate:  cert,
		Start:        programs.Start,
		Authenticate: func(u, p string) bool { return u == user && p == g.password },
	})
	if err != nil {
		return nil, err
	}
	g.server.Commit(standin.Mischief{Do: standin.Delay, Delay: delay})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g.port = l.Addr().(*net.TCPAddr).Port
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

// byPacker is what the file provisioner does: Packer's communicator with the
// library's own transport.
func (g *guest) byPacker(payload []byte) error {
	comm, err := sdkwinrm.New(&sdkwinrm.Config{Host: "127.0.0.1", Port: g.port, Username: user, Password: g.password, Https: true, Insecure: true, Timeout: time.Minute})
	if err != nil {
		return err
	}
	if err := comm.Upload(remote, bytes.NewReader(payload), nil); err != nil {
		return err
	}
	return g.arrived(payload)
}

func (g *guest) client() *winrm.Client {
	return winrm.New(winrm.Endpoint{Host: "127.0.0.1", Port: g.port, User: user, Password: g.password, Pin: g.pin})
}

// byPull serves the file and lets the guest fetch it; the digest that the host
// takes of it first counts too.
func (g *guest) byPull(payload []byte) error {
	server, err := delivery.Serve(context.Background(), "127.0.0.1")
	if err != nil {
		return err
	}
	defer server.Close()
	file, err := delivery.LocalFile(g.disc)
	if err != nil {
		return err
	}
	report, err := delivery.Deliver(context.Background(), g.client(), server, file, remote, nil)
	if err != nil {
		return err
	}
	if report.Way != delivery.HTTP {
		return report.HTTPErr
	}
	return g.arrived(payload)
}

// hashDisc stands for the operation that looks for a file on the discs.
const hashDisc = "hash-disc"

func (g *guest) onDisc(payload []byte) error {
	var out bytes.Buffer
	if _, err := g.client().Run(context.Background(), hashDisc, nil, &out, io.Discard); err != nil {
		return err
	}
	if sum := sha256.Sum256(payload); out.String() != hex.EncodeToString(sum[:]) {
		return errors.New("the digest is wrong")
	}
	return nil
}

func (g *guest) byOwnSender(payload []byte) error {
	if _, err := g.client().Upload(context.Background(), remote, bytes.NewReader(payload), int64(len(payload)), nil); err != nil {
		return err
	}
	return g.arrived(payload)
}

// arrived checks the disk and empties it.
func (g *guest) arrived(want []byte) error {
	got, err := g.disk.ReadFile(remote)
	if err != nil {
		return err
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		return errors.New("the file arrived damaged")
	}
	return g.disk.Remove(remote)
}

type machine struct{}

func (machine) ComputerName() string                     { return "WIN-STANDIN" }
func (machine) AbortShutdown() int                       { return 1116 }
func (machine) Shutdown(bool, time.Duration, string) int { return 0 }
