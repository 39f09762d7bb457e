package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// diskChecker reads a disk image without booting it.
type diskChecker func(ctx context.Context, path string, want diskcheck.Expect) (*diskcheck.Report, error)

// stepCheckDisk looks whether the disk is the template that it should be. It
// never takes the guest's word.
type stepCheckDisk struct {
	config *Config
	check  diskChecker
}

func (s *stepCheckDisk) Title() string { return "Checking the sealed disk" }

func (s *stepCheckDisk) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepCheckDisk) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepCheckDisk) Do(ctx context.Context, bag multistep.StateBag) error {
	plan, planErr := thePlan.Get(bag)
	out, outErr := theResult.Get(bag)
	in, inErr := theInputs.Get(bag)
	cert, certErr := theCertificate.Get(bag)
	log, logErr := theGuestLog.Get(bag)
	ui, uiErr := stepkit.UI.Get(bag)
	if err := errors.Join(planErr, outErr, inErr, certErr, logErr, uiErr); err != nil {
		return err
	}
	state, _ := log.Now()
	want := diskcheck.Expect{
		Firmware:      string(plan.Firmware),
		Server:        plan.Product.Server,
		CloudbaseInit: wantsCloudbaseInit(plan, state),
		// The seal arms it so; SetupComplete starts it in the clone once a
		// DHCP server is known.
		CloudbaseInitStart: "demand",
		Certificate:        cert.DER,
		Secrets:            buildSecrets(plan, in, cert),
		Progress:           searchProgress(ui),
		BuildProxy:         s.config.Proxy.buildOnly(),
		// Only the sysprep block knows that it was to be kept, and its
		// operation says so.
		KeepRecovery: state.Reached[beacon.RecoveryKept],
	}
	if plan.Answers.BuildAccount != nil {
		want.Account = plan.Answers.BuildAccount.Name
	}
	report, err := s.check(ctx, out.Path, want)
	if err != nil {
		return err
	}
	if err := report.Err(); err != nil {
		return err
	}
	for _, w := range report.Warnings() {
		ui.Error(fmt.Sprintf("Warning: %s: %s %s; %s", w.ID, w.Object, w.Found, w.Remedy))
	}
	ui.Say(fmt.Sprintf("The disk holds %d of %d things it was checked for", good(report), len(report.Findings)))
	theReport.Put(bag, report)
	return nil
}

// buildSecrets are the passwords that must be nowhere on the disk in readable
// form. Those of accounts that stay in the template belong to them too: SAM
// keeps hashes, and only the answer file, which is gone, had the passwords.
func buildSecrets(plan *Plan, in *inputs, cert *certificate) []string {
	secrets := []string{in.Password, cert.Password}
	a := plan.Answers
	if a.AdministratorPassword != "" {
		secrets = append(secrets, a.AdministratorPassword)
	}
	for _, account := range a.LocalAccounts {
		secrets = append(secrets, account.Password)
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// progressEvery is how often a long search tells how far it has come.
const progressEvery = 10 * time.Second

func searchProgress(ui packersdk.Ui) func(done, total int64) {
	last := time.Now()
	return func(done, total int64) {
		if now := time.Now(); now.Sub(last) >= progressEvery && total > 0 {
			last = now
			ui.Say(fmt.Sprintf("Searching the disk for remains of the build's passwords: %d%%", 100*done/total))
		}
	}
}

// wantsCloudbaseInit says whether the template is meant to have cloudbase-init.
// What provisioners were told is not known here; but an installer of it in the
// payload, and the beacon of its installation, say so. A beacon may be lost:
// the disk check looks at a cloudbase-init that it finds, too.
func wantsCloudbaseInit(plan *Plan, state guestState) bool {
	if state.Reached[beacon.CloudbaseInstall] {
		return true
	}
	return slices.ContainsFunc(plan.Files.Payload, func(p payloadFile) bool { return cloudbase.IsInstaller(p.Name) })
}

func good(r *diskcheck.Report) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == handoff.OK {
			n++
		}
	}
	return n
}
