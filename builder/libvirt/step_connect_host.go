package libvirt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// connection is what this step needs of a new libvirt connection.
type connection interface {
	remover
	Host(ctx context.Context) (libvirtapi.Host, error)
	Close() error
}

// connectHost opens a libvirt connection; tests put a fake in its place.
func connectHost(ctx context.Context, uri string) (connection, error) {
	conn, err := libvirtapi.Connect(ctx, uri)
	if err != nil {
		return nil, err
	}
	return libvirtHost{conn}, nil
}

// stepConnectHost connects to libvirt, teaches the journal how to take things
// back there, and removes what killed builds have left.
type stepConnectHost struct {
	config     *Config
	journalDir string
	connect    func(ctx context.Context, uri string) (connection, error)

	conn connection
}

func (s *stepConnectHost) Title() string { return "Connecting to " + s.config.LibvirtURI }

func (s *stepConnectHost) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepConnectHost) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepConnectHost) Do(ctx context.Context, bag multistep.StateBag) error {
	journal, err := stepkit.TheJournal.Get(bag)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if s.conn, err = s.connect(ctx, s.config.LibvirtURI); err != nil {
		return fmt.Errorf("libvirt_uri: %w", err)
	}
	facts, err := s.conn.Host(ctx)
	if err != nil {
		return fmt.Errorf("libvirt_uri: %w", err)
	}
	if err := facts.Supported(); err != nil {
		return fmt.Errorf("libvirt_uri: %s: %w", s.config.LibvirtURI, err)
	}
	how := removers(s.conn)
	for kind, remove := range how {
		journal.Handle(kind, remove)
	}
	theHost.Put(bag, s.conn)
	theHostFacts.Put(bag, facts)
	s.clearLeftovers(ctx, bag, how)
	return nil
}

// clearLeftovers removes what killed builds left on this host. What a build
// left on purpose stays, unless -force is given; it is named once. Nothing here
// ends the build: it does not depend on it.
func (s *stepConnectHost) clearLeftovers(ctx context.Context, bag multistep.StateBag, how map[string]stepkit.Remover) {
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return
	}
	dead, err := stepkit.Leftovers(s.journalDir)
	if err != nil {
		ui.Say("Warning: " + err.Error())
	}
	for _, left := range dead {
		gone := func(e stepkit.Entry) bool {
			return (e.Host == "" || e.Host == s.config.LibvirtURI) && !remains(ctx, s.conn, e)
		}
		if err := left.Strike(gone); err != nil {
			ui.Say("Warning: " + err.Error())
		}
		if len(left.Entries) > 0 {
			s.clearLeftover(ctx, ui.Say, left, how)
		}
		if err := left.Close(); err != nil {
			ui.Say("Warning: " + err.Error())
		}
	}
}

func (s *stepConnectHost) clearLeftover(ctx context.Context, say func(string), left *stepkit.Leftover, how map[string]stepkit.Remover) {
	for _, e := range left.Entries {
		if e.Host != "" && e.Host != s.config.LibvirtURI {
			say(fmt.Sprintf("Build %s of %s has left %s on %s; remove it with: %s",
				left.Build, left.Started.Format(time.DateTime), e, e.Host, e.Remedy))
			return
		}
	}
	if left.Deliberate && !s.config.PackerForce {
		say(fmt.Sprintf("Build %s of %s was told to leave %s behind; -force removes it",
			left.Build, left.Started.Format(time.DateTime), listed(byHand(left.Entries))))
		return
	}
	n := len(left.Entries)
	if err := left.Remove(ctx, how); err != nil {
		say(fmt.Sprintf("Warning: what the dead build %s left could not be removed: %s", left.Build, err))
		return
	}
	say(fmt.Sprintf("Removed %d things that the dead build %s of %s had left", n, left.Build, left.Started.Format(time.DateTime)))
}

func listed(entries []stepkit.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.String())
	}
	return strings.Join(all, ", ")
}

// tellLeftovers names what dead builds left, for a build that can't even begin:
// on a full disk it may be this that fills it.
func tellLeftovers(dir string, say func(string)) {
	dead, _ := stepkit.Leftovers(dir)
	for _, left := range dead {
		for _, e := range byHand(left.Entries) {
			say(fmt.Sprintf("Build %s of %s has left %s; remove it with: %s", left.Build, left.Started.Format(time.DateTime), e, e.Remedy))
		}
		_ = left.Close() // it was only read
	}
}

// Undo closes the connection; the step is the first to open something, so it
// is the last to be cleaned up.
func (s *stepConnectHost) Undo(_ context.Context, bag multistep.StateBag) error {
	theHost.Drop(bag)
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
