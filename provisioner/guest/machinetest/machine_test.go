package machinetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/standintest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
	provisioner "github.com/wintemplate/packer-plugin-wintemplate/provisioner/guest"
)

// machine is the guest that all cases share.
type machine struct {
	*standintest.VM
	disc *standintest.AnswerDisc
	spec standintest.Spec
	set  *discs.Set
}

// TestGuest boots once. The cases follow one another: each begins with a sound
// Windows and leaves one that answers.
func TestGuest(t *testing.T) {
	options := discs.Options{}
	began := time.Now()
	g := &machine{set: standintest.Media(t, options)}
	g.VM, g.disc, g.spec = standintest.Install(t, options, standintest.Spec{ExtraSCSI: true, Address: reachable(t)})
	t.Logf("installed after %s", time.Since(began).Round(time.Second))
	for _, part := range []struct {
		name string
		run  func(*testing.T, *machine)
	}{
		{"operations", operations},
		{"conditions", conditions},
		{"sysprep", sysprepFails},
		{"winrm", winrmTroubles},
		{"deliveries", deliveries},
		{"network", network},
		{"lost", lost},
		{"restarts", restarts},
		{"preflight", preflights},
		{"gone", gone},
		{"seal", sealUnseen},
	} {
		began := time.Now()
		if !g.Running() { // gone; somebody switches it on again
			g.VM = standintest.Start(t, g.spec)
			g.answers(t)
		}
		if !t.Run(part.name, func(t *testing.T) {
			g.sound(t)
			part.run(t, g)
		}) && t.Context().Err() != nil {
			return
		}
		t.Logf("%s took %s", part.name, time.Since(began).Round(100*time.Millisecond))
	}
}

// reachable is an address of this host that the guest can reach as well: its
// own 127.0.0.1 is another one.
func reachable(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Fatal("this host has no IPv4 address beside 127.0.0.1, so no guest can pull a file from it")
	return ""
}

// sound takes back whatever a case has set.
func (g *machine) sound(t *testing.T) {
	t.Helper()
	g.Faults(t, windows.Faults{})
	g.Conditions(t, windows.Conditions{})
}

// short limits notice a guest that is gone in seconds.
func short() winrm.Option {
	return winrm.WithLimits(winrm.Limits{Dial: 5 * time.Second, Operation: 3 * time.Second, Header: 8 * time.Second, CleanUp: 2 * time.Second})
}

func (g *machine) session(t *testing.T, options ...guest.Option) *guest.Session {
	options = append([]guest.Option{
		guest.WithTransient(func(err error) bool { return winrm.IsTransient(err) || errors.Is(err, guest.ErrNoResult) }),
		guest.WithRefused(func(err error) bool { return errors.Is(err, winrm.ErrUnauthorized) }),
		guest.WithReport(func(line string) { t.Log(line) }),
	}, options...)
	return guest.NewSession(g.Client(g.disc, short()), options...)
}

// settle is quick: the guest left its marker.
func (g *machine) settle(deadline time.Duration) guest.Settle {
	return guest.Settle{Manifest: g.disc.ManifestSHA256, Successes: 2, Interval: 200 * time.Millisecond, Deadline: deadline}
}

// answers waits until the guest answers again, and settles.
func (g *machine) answers(t *testing.T) guest.ReadyResult {
	t.Helper()
	r, err := g.session(t).WaitReady(t.Context(), g.settle(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// once does something as soon as the guest has begun with so many more
// operations of that name: whatever came before the last has been answered.
// Slow machines make fixed times a gamble.
func (g *machine) once(t *testing.T, operation string, times int, act func()) (done <-chan struct{}) {
	t.Helper()
	count := func() int { return strings.Count(g.Log(), " operation "+operation+"\r\n") }
	enough, ended := strings.Count(g.Logged(t), " operation "+operation+"\r\n")+times, make(chan struct{})
	go func() {
		defer close(ended)
		for end := time.Now().Add(5 * time.Minute); count() < enough; time.Sleep(50 * time.Millisecond) {
			if t.Context().Err() != nil || time.Now().After(end) {
				t.Errorf("the guest was not asked for %s", operation)
				return
			}
		}
		act()
	}()
	return ended
}

type block = map[string]any

// provision runs the provisioner as Packer does, and gives what it has said.
func (g *machine) provision(t *testing.T, config block) (said string, err error) {
	t.Helper()
	var p provisioner.Provisioner
	if err := p.Prepare(config); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ui := &packersdk.BasicUi{Reader: new(bytes.Buffer), Writer: &out, ErrorWriter: &out}
	err = p.Provision(t.Context(), ui, nil, map[string]any{
		"Host": g.Host, "Port": g.Port, "User": g.disc.User, "Password": g.disc.Password, "ConnType": "winrm",
		handoff.GuestKey: handoff.Guest{
			CertificateSHA256: hex.EncodeToString(g.disc.Pin[:]), DiscManifestSHA256: g.disc.ManifestSHA256, Build: 20348, Server: true,
			Edition: "ServerStandard", Language: "en-US", TimeZone: "UTC", Firmware: "uefi", Account: g.disc.User,
		}.String(),
	})
	t.Log(out.String())
	if strings.Contains(out.String(), g.disc.Password) {
		t.Error("the password is in the output")
	}
	return out.String(), err
}

// within is a call with another deadline.
func within[P, R any](c guest.Call[P, R], d time.Duration) guest.Call[P, R] {
	c.Deadline = d
	return c
}

// says checks an error's text.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in the error %v", text, err)
		}
	}
}

// echo says whether the guest runs a command.
func (g *machine) echo(ctx context.Context) error {
	exit, err := g.Client(g.disc).Run(ctx, "echo hello", nil, io.Discard, io.Discard)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d", exit)
	}
	return err
}
