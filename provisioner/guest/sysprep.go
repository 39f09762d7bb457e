package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Sysprep seals the image: everything that was set for the build's sake is
// taken back, sysprep generalizes Windows, WinRM is closed, and the machine
// powers off.
type Sysprep struct {
	// Mend what would make sysprep fail, where it can be mended: Store
	// packages of one user, a pending restart, BitLocker, reserved storage.
	// Default: `true`.
	Fix config.Trilean `mapstructure:"fix"`
	// The time zone of an instance, by its Windows or IANA name. Default: the
	// one that the image was installed with.
	TimeZone string `mapstructure:"timezone"`
	// The formats of an instance, as one of Windows' locales, such as `ko-KR`.
	// Default: the image's language.
	UserLocale string `mapstructure:"user_locale"`
	// The keyboard of an instance, such as `0412:00000412`. Default: the
	// language's own.
	InputLocale string `mapstructure:"input_locale"`
	// An instance's registered owner and organization.
	FullName     string `mapstructure:"full_name"`
	Organization string `mapstructure:"organization"`
	// A KMS server, `host`, `host:port` or `[IPv6]:port`, written into the
	// instance.
	KMSHost string `mapstructure:"kms_host"`
	// Files with further answers, each a complete answer file of which only
	// what it holds is merged into this plugin's own.
	UnattendFragments []string `mapstructure:"unattend_fragments"`
	// The administrator of an instance of a client edition. Where there is
	// cloudbase-init, its conf must name the same one, since nobody else gives
	// the account a password. Servers have their built-in one, whatever stands
	// here. Default: the one that cloudbase-init's conf names, else `Admin`.
	Account string `mapstructure:"account"`
	// Leave Windows' activation clock alone. All instances then share one
	// client machine id, so only for an image that is sealed again later.
	SkipRearm bool `mapstructure:"skip_rearm"`
	// Remove the network adapters that the build's machine once had and, last
	// of all, the one that it has, so that an instance's is not called
	// "Ethernet 2"; and forget the build's networks.
	// Default: `false`.
	ResetNetwork bool `mapstructure:"reset_network"`
	// What becomes of a recovery partition that Setup has put behind drive C::
	// `remove` or `keep`. An instance with a larger disk can extend C: only
	// when nothing lies behind it. Default: `remove`.
	RecoveryPartition string `mapstructure:"recovery_partition"`
	// How long sysprep itself may take, `90m` at most. Default: `45m`.
	Timeout time.Duration `mapstructure:"timeout"`
}

// maxSysprep leaves the seal the time that it needs around sysprep: the task
// scheduler ends it at its deadline, in whatever it does then.
var maxSysprep = guest.Seal.Deadline - 30*time.Minute

func (*Sysprep) name() string  { return "sysprep" }
func (*Sysprep) title() string { return "Sealing the image" }

func (s *Sysprep) prepare() []error {
	var errs []error
	if s.Timeout == 0 {
		s.Timeout = 45 * time.Minute
	}
	if s.Timeout < time.Minute {
		errs = append(errs, fmt.Errorf("timeout: %s is too short for sysprep, which takes 2 to 10 minutes", s.Timeout))
	}
	if s.Timeout > maxSysprep {
		errs = append(errs, fmt.Errorf("timeout: %s is longer than %s, the time that the whole seal has", s.Timeout, maxSysprep))
	}
	if s.TimeZone != "" && s.TimeZone != unknown {
		if _, err := windows.LookupTimeZone(s.TimeZone); err != nil {
			errs = append(errs, fmt.Errorf("timezone: %w", err))
		}
	}
	errs = append(errs, s.prepareRecovery()...)
	wishes := answerfile.SysprepAnswers{
		UserLocale: known(s.UserLocale), InputLocale: known(s.InputLocale), KMSHost: known(s.KMSHost),
		FullName: known(s.FullName), Organization: known(s.Organization), Account: known(s.Account),
	}
	fragments, missing := s.fragments()
	if len(missing) == 0 { // else they would have other numbers
		wishes.Fragments = fragments
	}
	errs = append(errs, missing...)
	return append(errs, split(wishes.ValidateWishes())...)
}

func (s *Sysprep) run(ctx context.Context, r *run) error {
	cloud, _, err := guest.CloudbaseVerify.Do(ctx, r.session, guest.None{})
	if err != nil {
		return err
	}
	if err := checkConf(cloud); err != nil {
		return err
	}
	unattend, err := s.unattend(r, cloud)
	if err != nil {
		return fmt.Errorf("the answer file for sysprep: %w", err)
	}
	if err := s.recovery(ctx, r); err != nil {
		return err
	}
	if err := s.preflight(ctx, r); err != nil {
		return err
	}
	if s.ResetNetwork {
		reset, _, err := guest.NetworkReset.Do(ctx, r.session, guest.None{})
		if err != nil {
			return err
		}
		r.ui.Say(fmt.Sprintf("%d old network adapters were removed, %d could not be", len(reset.Removed), len(reset.Left)))
	}
	p := s.parameters(r, cloud, unattend)
	return r.session.Seal(ctx, p, func(stage string) {
		if title, ok := sealTitles[stage]; ok {
			r.ui.Say(title)
		}
	})
}

// checkConf judges the conf files that are in the guest, whoever wrote them:
// the disk check would refuse them when everything else is done.
func checkConf(cloud guest.CloudbaseVerifyResult) error {
	if !cloud.Installed {
		return nil
	}
	var errs []error
	for _, file := range []struct {
		name, text string
		unattend   bool
	}{{"cloudbase-init.conf", cloud.Conf, false}, {"cloudbase-init-unattend.conf", cloud.UnattendConf, true}} {
		for _, wrong := range cloudbase.Judge(file.text, file.unattend).Wrong {
			errs = append(errs, fmt.Errorf("%s in the guest: %s", file.name, wrong))
		}
	}
	return errors.Join(errs...)
}

var sealTitles = map[string]string{
	guest.SealStageRevert:  "Taking back what was set for the build",
	guest.SealStageSysprep: "Running sysprep",
	guest.SealStageAccount: "Sysprep does not run as LocalSystem; running it as the account of the build",
	guest.SealStageSealed:  "Windows is generalized; closing WinRM and powering off",
	guest.SealStageClose:   "Windows is generalized; it powers off",
}

// maxRestarts bounds the restarts that preflight may ask for.
const maxRestarts = 3

func (s *Sysprep) preflight(ctx context.Context, r *run) error {
	for restarts := 0; ; restarts++ {
		found, reboot, err := guest.Preflight.Do(ctx, r.session, guest.PreflightParameters{
			Fix: !s.Fix.False(), Reboots: restarts, MaxReboots: maxRestarts, WaitSeconds: 600, SkipRearm: s.SkipRearm,
		})
		if err != nil {
			return err
		}
		var errs []error
		for _, f := range found.Findings {
			switch f.Severity {
			case guest.FindingFixed:
				r.ui.Say(fmt.Sprintf("preflight: %s: %s: %s: %s", f.ID, f.Object, f.Found, f.Remedy))
			case guest.FindingWarn:
				r.ui.Error(fmt.Sprintf("Warning: preflight: %s: %s: %s; %s", f.ID, f.Object, f.Found, f.Remedy))
			case guest.FindingFail:
				errs = append(errs, fmt.Errorf("preflight: %s: %s: %s; %s", f.ID, f.Object, f.Found, f.Remedy))
			}
		}
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
		if !bool(reboot) {
			r.ui.Say("Nothing stands in sysprep's way")
			return nil
		}
		if err := r.restart(ctx, "a restart was pending, with which sysprep fails"); err != nil {
			return err
		}
	}
}

// releaseTimeout is how long a sealed machine waits for a session that may be
// gone: long enough for a few looks at the task, and no cost where sysprep has
// reset the account that would look.
const releaseTimeout = 15 * time.Second

func (s *Sysprep) parameters(r *run, cloud guest.CloudbaseVerifyResult, unattend []byte) guest.SealParameters {
	p := guest.SealParameters{
		Unattend: string(unattend), CloudbaseInit: cloud.Installed, Client: r.client(), Folder: answerfile.GuestFolder,
		ResetNetwork:          s.ResetNetwork,
		SysprepTimeoutSeconds: int(s.Timeout.Seconds()), ReleaseTimeoutSeconds: int(releaseTimeout.Seconds()),
	}
	if cloud.Installed {
		p.SetupComplete = cloudbase.SetupComplete(cloudbase.ParseConf(cloud.Conf).Network())
		p.SetupCompleteScript = cloudbase.SetupCompleteScript()
	}
	g := r.seat.Guest
	if g == nil {
		// Another builder's guest: its doors and its account are that
		// builder's. Only what connect has set there is taken back.
		p.SysprepAccount, p.NoSysprepAccount = localAccount(r.seat.User, r.facts.ComputerName)
		p.Reverts = reverts(pausedUpdates(), !r.client())
		return p
	}
	p.WinRM = true
	p.CertificateSHA256 = g.CertificateSHA256
	p.Account, p.SysprepAccount = g.Account, g.Account
	p.Reverts = reverts(settingsOf(g), g.Server)
	return p
}
