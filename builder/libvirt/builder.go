// Package libvirt is the builder wintemplate-libvirt: it installs Windows from
// an ISO on a libvirt host and leaves a sealed, checked qcow2.
//
// The list in steps is the table of contents. Config is the source block;
// plan.go decides everything before anything is made; each step file holds one
// step with the few methods of libvirt that it needs.
package libvirt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/communicator"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact/packerui"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// Builder is the component; Packer makes one for each source block.
type Builder struct {
	config Config
}

var _ packersdk.Builder = (*Builder)(nil)

// Prepare checks the template. Its first result declares the one value that
// this builder adds for provisioners.
func (b *Builder) Prepare(raws ...any) (generated, warnings []string, err error) {
	warnings, err = b.config.Prepare(raws...)
	b.config.registerSecrets()
	return []string{handoff.GuestKey}, warnings, redact.Error(err)
}

// effects are a build's ways to the world outside libvirt's connection; tests
// put their own in their place.
type effects struct {
	connect   func(ctx context.Context, uri string) (connection, error)
	discs     discReader
	space     func(path string) (uint64, error)
	stat      libvirtapi.Stat
	probe     func(ctx context.Context, address string, pin winrm.Pin) error
	connector func(*communicator.Config) multistep.Step
	check     diskChecker
	now       func() time.Time
	poll      time.Duration // between two looks at the guest's address
	grace     time.Duration // for a provisioner whose machine is off
	patience  time.Duration // for the seal's first beacon
}

func realEffects() effects {
	return effects{
		connect: connectHost, discs: discs{}, space: freeSpace, stat: libvirtapi.LocalStat,
		probe: probeWinRM, connector: sdkConnector, check: diskcheck.Check,
		now: time.Now, poll: 2 * time.Second, grace: 90 * time.Second, patience: 5 * time.Second,
	}
}

// steps is a build from beginning to end.
func (b *Builder) steps(journalDir string, e effects) []multistep.Step {
	c := &b.config
	var steps []multistep.Step
	add := func(s ...multistep.Step) { steps = append(steps, s...) }

	// Everything that can be known in the first seconds.
	add(
		&stepTempDir{},
		&stepOpenMedia{config: c, discs: e.discs},
		&stepConnectHost{config: c, journalDir: journalDir, connect: e.connect},
		&stepPreflight{config: c, space: e.space, locks: journalDir},
		&stepChooseAccelerator{config: c},
	)
	// The inputs, verified, and the plan made of them.
	add(downloads(c)...)
	add(&stepPlan{config: c, discs: e.discs, space: e.space})
	// The machine.
	add(
		&stepCertificate{},
		&stepInstallDisc{config: c, stat: e.stat, now: e.now},
		&stepAnswerDisc{config: c, discs: e.discs},
		&stepMainDisk{config: c},
		&stepDefine{config: c, now: e.now},
	)
	// Windows.
	add(
		&stepBoot{config: c, now: e.now},
		&stepInstall{config: c, probe: e.probe, poll: e.poll, now: e.now},
		&stepConnectGuest{config: c, connector: e.connector, now: e.now},
		&stepHandOff{config: c},
		// By its own type: -on-error=run-cleanup-provisioner looks for the name.
		&commonsteps.StepProvision{},
		&stepAwaitPowerOff{config: c, now: e.now, patience: e.patience},
	)
	// The template.
	add(
		&stepTakeOut{config: c},
		&stepCheckDisk{config: c, check: e.check},
		&stepManifest{config: c},
	)
	return steps
}

// Run builds the template.
func (b *Builder) Run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) (packersdk.Artifact, error) {
	artifact, err := b.run(ctx, packerui.Wrap(ui), hook, realEffects())
	if err != nil {
		return nil, redact.Error(err) // never a typed nil as artifact
	}
	return artifact, nil
}

func (b *Builder) run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook, e effects) (*Artifact, error) {
	in, err := newInputs(&b.config, rand.Reader)
	if err != nil {
		return nil, err
	}
	dir, err := packersdk.CachePath("wintemplate-journal")
	if err != nil {
		return nil, fmt.Errorf("folder of the build's journal: %w; PACKER_CACHE_DIR moves it", err)
	}
	journal, err := stepkit.OpenJournal(dir, b.config.VMName+"-"+in.ID.Build)
	if err != nil {
		tellLeftovers(dir, ui.Say)
		return nil, err
	}

	bag := stepkit.NewBag()
	stepkit.UI.Put(bag, ui)
	stepkit.TheJournal.Put(bag, journal)
	theInputs.Put(bag, in)
	bag.Put("hook", &provisionHook{Hook: hook, bag: bag, grace: e.grace})
	commonsteps.NewRunnerWithPauseFn(b.steps(dir, e), b.config.PackerConfig, ui, bag).Run(ctx, bag)

	left, err := journal.Close()
	if err != nil {
		ui.Error(err.Error())
	}
	for _, e := range byHand(left) {
		ui.Say(fmt.Sprintf("Left behind: %s; remove it with: %s", e, e.Remedy))
	}
	if len(left) > 0 {
		ui.Say("The next build with -force removes all that is left behind then")
	}
	return outcome(bag)
}

// outcome is how the build ended.
func outcome(bag multistep.StateBag) (*Artifact, error) {
	if err, failed := stepkit.Failure.Lookup(bag); failed {
		return nil, redact.Error(err) // StepProvision stores what the provisioner said
	}
	if _, cancelled := bag.GetOk(multistep.StateCancelled); cancelled {
		return nil, errors.New("the build was interrupted")
	}
	if _, halted := bag.GetOk(multistep.StateHalted); halted {
		return nil, errors.New("a step stopped the build without saying why; PACKER_LOG=1 shows more")
	}
	return theArtifact.Get(bag)
}

// registerSecrets tells internal/redact what must never be shown.
func (c *Config) registerSecrets() {
	secrets := append(c.secrets(), c.Comm.WinRMPassword, c.Comm.SSHPassword, c.ProductKey, c.Proxy.password())
	for _, account := range c.LocalAccounts {
		secrets = append(secrets, account.Password)
	}
	for _, source := range append(append([]string{c.DriversISOURL}, c.ISOUrls...), c.Payload...) {
		if u, err := url.Parse(source); err == nil && u.User != nil {
			password, _ := u.User.Password()
			secrets = append(secrets, password)
		}
	}
	for _, s := range secrets {
		if s != "" && !unknown(s) {
			redact.Add(s)
		}
	}
}
