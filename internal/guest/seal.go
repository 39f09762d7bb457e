package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Revert is one thing that was set for the build's sake (answerfile.Setting).
type Revert struct {
	ID string `json:"id"`
	// Kind is registry-value, registry-key, firewall-rule, winrm-listener,
	// wsman-item, service, certificate or folder. What wsman-item and service
	// were before the build lies in bootstrap.before.json.
	Kind string `json:"kind"`
	Key  string `json:"key"`  // HKLM\SOFTWARE\…
	Name string `json:"name"` // of the value, rule, folder; thumbprints are found by CertificateSHA256
	Type string `json:"type"` // REG_DWORD or REG_SZ
	// Restore is true when Data is to be written where the value is there,
	// false when the thing is to be absent.
	Restore bool   `json:"restore"`
	Data    string `json:"data"`
	// Late ones are undone after sysprep, when the connection goes.
	Late bool `json:"late"`
}

// SealParameters are all that the seal needs; nothing is asked for later,
// since the connection is gone by then.
type SealParameters struct {
	// Unattend is the answer file for sysprep, whole.
	Unattend string `json:"unattend"`
	// Reverts are undone before sysprep, or after it when they are Late.
	Reverts []Revert `json:"reverts"`
	// Retry says that the caller mends SealAppX and seals again: it then sends
	// no beacon that ends the build.
	Retry bool `json:"retry"`
	// CertificateSHA256 is the digest of the build's certificate, deleted
	// with its key; empty: no certificate of ours.
	CertificateSHA256 string `json:"certificate_sha256"`
	// Account is the build's account. It is removed with its profile unless it
	// is the built-in administrator (RID 500). Empty: there is none of ours.
	Account string `json:"account"`
	// SysprepAccount is a local administrator, by whom sysprep is run where it
	// refuses LocalSystem. Empty: nobody is known.
	SysprepAccount string `json:"sysprep_account"`
	// NoSysprepAccount is why nobody is known, for the error.
	NoSysprepAccount string `json:"no_sysprep_account"`
	// WinRM is true when the bootstrap of this plugin opened it, so that the
	// seal closes it. False leaves the service as it is.
	WinRM bool `json:"winrm"`
	// CloudbaseInit arms cloudbase-init: SetupCompleteScript waits for DHCP,
	// then starts it.
	CloudbaseInit bool `json:"cloudbase_init"`
	// SetupComplete is written as C:\Windows\Setup\Scripts\SetupComplete.cmd.
	// A file that is there and is not ours is kept as SetupComplete.user.cmd,
	// which ours calls. Empty: nothing is written.
	SetupComplete string `json:"setup_complete"`
	// SetupCompleteScript lies beside it as wintemplate-setupcomplete.ps1.
	SetupCompleteScript string `json:"setup_complete_script"`
	// Client marks a client edition: HKLM\…\OOBE!UnattendCreatedUser is set.
	Client bool `json:"client"`
	// ResetNetwork removes the network adapter of the build's machine, once
	// nothing needs it any more.
	ResetNetwork bool `json:"reset_network"`
	// Folder is the build's own, removed at the end.
	Folder string `json:"folder"`
	// SysprepTimeoutSeconds bounds each run of sysprep.exe.
	SysprepTimeoutSeconds int `json:"sysprep_timeout_seconds"`
	// ReleaseTimeoutSeconds is how long it waits, sealed, for TaskRelease; it
	// goes on by itself then.
	ReleaseTimeoutSeconds int `json:"release_timeout_seconds"`
}

// Stages of the seal, in order, as TaskStatusResult.Stage and, with the prefix
// "seal.", as beacons name them.
const (
	SealStageRevert  = "revert"  // policies, autologon, answer files
	SealStageSysprep = "sysprep" // sysprep.exe /generalize /oobe /quit
	// SealStageAccount is entered where sysprep refuses LocalSystem: it runs as
	// SealParameters.SysprepAccount, in a task of its own.
	SealStageAccount = "sysprep-as-account"
	SealStageSealed  = "sealed" // ImageState is right; waits for TaskRelease
	SealStageClose   = "close"  // WinRM, certificate, account, folder; then power off
)

// SealResult is the seal's answer. It is seen on failure only: on success the
// machine powers off after SealStageClose.
type SealResult struct {
	ImageState string `json:"image_state"` // IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE
	// Reverted are the ids of the settings that were reverted.
	Reverted []string `json:"reverted"`
}

// Codes of the seal's failures, recognised in sysprep's setuperr.log.
const (
	SealAppX            = "appx"                // 0x80073cf2: a package installed for one user only
	SealBitLocker       = "bitlocker"           // 0x80310039
	SealReservedStorage = "reserved-storage"    // 0x800f0975
	SealRearm           = "rearm"               // 0xc004d307
	SealProvider        = "sysprep-provider"    // a provider DLL failed or is absent
	SealDefender        = "defender-endpoint"   // Defender for Endpoint guards its senseGuid
	SealUpgraded        = "upgraded"            // sysprep refuses an upgraded Windows
	SealNotStarted      = "sysprep-not-started" // it takes neither LocalSystem nor the account
	SealTimeout         = "sysprep-timeout"
	SealUndeployable    = "image-undeployable" // generalize failed half-way: the image is spoiled
	SealValidate        = "sysprep-validate"   // refused before it changed anything
)

// Seal generalizes the image, closes the build's doors and powers off. It only
// makes sense detached (Session.Detach): it ends the connection it came by.
var Seal = define[SealParameters, SealResult]("seal", 2*time.Hour, false, "devices", "sysprep", "seal")

// SealTries is how often the seal is tried when sysprep refuses a Store
// package: its log names them one at a time.
const SealTries = 10

// Seal runs the seal to the point where the image is sealed, lets it close
// the connection, and returns. The machine powers off by itself. When sysprep
// has reset the account of this session (WithRefused), the seal goes on without
// being seen: Seal reports that and returns, and only the power-off and the disk
// tell how it ended. So it does when the guest falls silent (WithSilence), as
// when its network is lost.
//
// Packages that sysprep refuses are removed from here, as the build's
// administrator, since LocalSystem may not; and the seal is tried again.
func (s *Session) Seal(ctx context.Context, p SealParameters, onStage func(stage string)) error {
	// The task was started by the same logon a moment ago: a refusal is sysprep's doing.
	how := Detachment{Silence: s.silence, Ends: func(err error) bool {
		if !s.refused(err) {
			return false
		}
		s.report("Sysprep has reset the account that the build logs on with, as it does on servers; the seal goes on by itself")
		return true
	}, Stage: func(id, stage string) bool {
		onStage(stage)
		switch stage {
		case SealStageSealed:
			if _, _, err := TaskRelease.Do(ctx, s, TaskParameters{ID: id}); err != nil {
				s.report(fmt.Sprintf("the sealed machine was not told to go on, and will by itself in %d s: %v", p.ReleaseTimeoutSeconds, err))
			}
			return true
		case SealStageClose:
			return true
		}
		return false
	}}
	for try := 1; ; try++ {
		p.Retry = try < SealTries
		_, _, err := Seal.Detached(ctx, s, p, how)
		failure := (*Error)(nil)
		if err == nil || !errors.As(err, &failure) || !p.Retry {
			return err
		}
		packages := refusedPackages(failure.Detail)
		if failure.Code != SealAppX || len(packages) == 0 {
			return err
		}
		s.report("sysprep refuses Store packages, which are removed now: " + strings.Join(packages, ", "))
		r, _, removal := AppXRemove.Do(ctx, s, AppXRemoveParameters{Packages: packages})
		if removal != nil {
			return errors.Join(err, removal)
		}
		if len(r.Left) > 0 {
			return fmt.Errorf("%w\ncould not be removed: %s", err, strings.Join(r.Left, ", "))
		}
	}
}

func refusedPackages(detail string) []string {
	var names []string
	for line := range strings.Lines(detail) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "package: "); ok {
			names = append(names, name)
		}
	}
	return names
}
