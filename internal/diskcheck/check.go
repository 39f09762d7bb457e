package diskcheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// Finding is one result of the check, in the form in which the handoff
// manifest carries it.
type Finding = handoff.Finding

// The firmware that Expect names.
const (
	UEFI = "uefi"
	BIOS = "bios"
)

// Expect is what the build meant to leave on the disk. The zero value of a
// field that is not a switch means "do not judge this".
type Expect struct {
	// Firmware is UEFI or BIOS; required.
	Firmware string
	// Server says that the product is a server one.
	Server bool
	// CloudbaseInit says that the service must be installed. One that is
	// installed is judged in any case.
	CloudbaseInit bool
	// CloudbaseInitStart is how the seal arms the service where it is
	// installed: "auto", "delayed-auto", "demand" or "disabled".
	CloudbaseInitStart string
	// Account is the extra local account of the build, which the seal removes;
	// empty where the build used the built-in administrator.
	Account string
	// Certificate is the DER of the certificate that WinRM listened with. It
	// must not be in the machine's store any more, nor its private key among
	// the machine's keys.
	Certificate []byte
	// BuildProxy says that the build had a proxy, which must be gone.
	BuildProxy bool
	// KeepRecovery allows a recovery partition behind drive C:, which the user
	// has asked for.
	KeepRecovery bool
	// Unattend is the answer file that sysprep was given. When set, the cached
	// copy must hold the same settings.
	Unattend []byte
	// Secrets are passwords that must be nowhere on the disk: each that the
	// build used, and none that the template shall keep. No finding ever holds
	// one.
	Secrets []string
	// Progress is called while the whole disk is read, with bytes; may be nil.
	Progress func(done, total int64)
}

// Facts are what the disk says of itself, for the manifest.
type Facts struct {
	VirtualSize   int64  // bytes
	Firmware      string // by the partition table: UEFI or BIOS
	ImageState    string
	ProductName   string
	EditionID     string
	Build         int
	AgentVersion  string // QEMU guest agent
	CloudbaseInit string // version of cloudbase-init
	Drivers       string // version of the virtio-win package
}

// Report is the outcome of a check.
type Report struct {
	// Findings are in the order of the checks, the good ones included.
	Findings []Finding
	Facts    Facts
}

// Warnings lists the findings that a user should know of, and that do not fail
// the build.
func (r *Report) Warnings() []Finding {
	var list []Finding
	for _, f := range r.Findings {
		if f.Severity == handoff.Warning {
			list = append(list, f)
		}
	}
	return list
}

// Bad lists the findings that fail the build.
func (r *Report) Bad() []Finding {
	var bad []Finding
	for _, f := range r.Findings {
		if f.Severity != handoff.OK && f.Severity != handoff.Warning {
			bad = append(bad, f)
		}
	}
	return bad
}

// Err is nil when every finding is ok or a warning; else it names each that is
// not. An
// unknown one fails the build too: nobody has seen that the template is good.
func (r *Report) Err() error {
	bad := r.Bad()
	if len(bad) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the sealed disk has %d findings:", len(bad))
	for _, f := range bad {
		fmt.Fprintf(&b, "\n  %s (%s): %s: %s", f.ID, f.Severity, f.Object, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "; %s", f.Remedy)
		}
	}
	return errors.New(b.String())
}

// Check reads the disk image at path (qcow2 or raw, no backing file). The
// error is for an image that cannot be read at all; what is wrong inside it is
// a finding.
func Check(ctx context.Context, path string, want Expect) (*Report, error) {
	if want.Firmware != UEFI && want.Firmware != BIOS {
		return nil, fmt.Errorf("check of %s: firmware %q is neither %s nor %s", path, want.Firmware, UEFI, BIOS)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	disk, err := openImage(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("check of %s: %w", path, err)
	}
	defer func() { _ = disk.close() }()
	c := &checker{ctx: ctx, want: want, report: &Report{}, path: path, fileSize: info.Size(), disk: disk}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("check of %s: %w", path, err)
	}
	return c.report, nil
}
