package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// Drivers looks at the virtio drivers and the QEMU guest agent.
type Drivers struct {
	// Install what is missing or broken. Default: `true`.
	Repair config.Trilean `mapstructure:"repair"`
	// Demand that both storage drivers, viostor (virtio-blk) and vioscsi
	// (virtio-scsi), start at boot, so that a clone boots from either bus.
	// Windows binds only the one whose device it has seen: give the build's
	// machine a controller of each. Default: `true`.
	BothBuses config.Trilean `mapstructure:"both_buses"`
	// Demand the QEMU guest agent. Default: `true`.
	Agent config.Trilean `mapstructure:"agent"`
	// A virtio-win-gt-x64.msi on the machine that runs Packer. Default: the
	// one on the answer disc.
	Installer string `mapstructure:"installer"`
	// A qemu-ga-x86_64.msi on the machine that runs Packer. Default: the one
	// on the answer disc.
	AgentInstaller string `mapstructure:"agent_installer"`
}

func (*Drivers) name() string  { return "drivers" }
func (*Drivers) title() string { return "Checking the virtio drivers and the guest agent" }

func (d *Drivers) prepare() []error {
	return present(checkFile("installer", d.Installer), checkFile("agent_installer", d.AgentInstaller))
}

func present(errs ...error) []error {
	var list []error
	for _, err := range errs {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

func (d *Drivers) run(ctx context.Context, r *run) error {
	if err := d.drivers(ctx, r); err != nil {
		return err
	}
	if d.Agent.False() {
		return nil
	}
	return d.agent(ctx, r)
}

func (d *Drivers) verify(ctx context.Context, r *run) (guest.DriversVerifyResult, error) {
	p := guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}, Services: []string{"netkvm"}}
	result, _, err := guest.DriversVerify.Do(ctx, r.session, p)
	if err != nil || result.OK || !d.BothBuses.False() {
		return result, err
	}
	// One bus is enough: the one that is bound.
	for _, driver := range result.Drivers {
		if (driver.Name == "viostor" || driver.Name == "vioscsi") && driver.Present && driver.Start == 0 {
			var rest []string
			for _, p := range result.Problems {
				if !strings.HasPrefix(p, "the storage driver ") {
					rest = append(rest, p)
				}
			}
			result.Problems, result.OK = rest, len(rest) == 0
		}
	}
	return result, nil
}

func (d *Drivers) drivers(ctx context.Context, r *run) error {
	found, err := d.verify(ctx, r)
	if err != nil {
		return err
	}
	if found.OK {
		r.ui.Say("virtio drivers: " + versions(found))
		return nil
	}
	problems := strings.Join(found.Problems, "; ")
	if d.Repair.False() {
		return fmt.Errorf("%s; repair is off", problems)
	}
	r.ui.Say("Installing the virtio drivers, since " + problems)
	how, err := d.install(ctx, r)
	if err != nil {
		return fmt.Errorf("%s; %w", problems, err)
	}
	if !d.BothBuses.False() {
		// A disk on the other bus may have come only now.
		p := guest.BusPrepareParameters{BootServices: []string{"viostor", "vioscsi"}, WaitSeconds: 60}
		if _, _, err := guest.BusPrepare.Do(ctx, r.session, p); err != nil {
			return err
		}
	}
	if found, err = d.verify(ctx, r); err != nil {
		return err
	}
	if !found.OK {
		return fmt.Errorf("%s, and still %s; for a storage driver that was never bound, give the machine a controller of its bus, or set both_buses = false", how, strings.Join(found.Problems, "; "))
	}
	r.ui.Say("virtio drivers: " + versions(found))
	return nil
}

// msiMinBuild is the first build that virtio-win-gt-x64.msi's launch condition
// takes (virtio-win-guest-tools-installer, properties.wxs: build > 10240).
const msiMinBuild = 10241

// driverPackages are installed one by one where there is no MSI for it.
var driverPackages = []string{"viostor", "vioscsi", "vioser", "netkvm"}

// install installs the MSI. On a Windows that is too old for it, and where the
// answer disc holds none, pnputil installs the packages that the disc has for
// Windows Setup, the network adapter's last. It gives what was done.
func (d *Drivers) install(ctx context.Context, r *run) (how string, err error) {
	if r.facts.Build >= msiMinBuild {
		const name = "virtio-win-gt-x64.msi"
		msi, err := r.payload(ctx, d.Installer, name, "wintemplate/tools/"+name, name)
		if err == nil {
			code, reboot, err := d.installOne(ctx, r, msi)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s was installed (code %d)", name, code), d.restart(ctx, r, reboot)
		}
		var absent *notOnDiscError
		if d.Installer != "" || !errors.As(err, &absent) {
			return "", err
		}
		r.ui.Say("The answer disc holds no " + name + "; its single drivers are installed")
	} else if d.Installer != "" {
		r.ui.Say(fmt.Sprintf("%s is left alone, since it refuses build %d; the single drivers of the answer disc are installed", d.Installer, r.facts.Build))
	}
	var (
		done   []string
		reboot bool
	)
	for _, driver := range driverPackages {
		inf, err := r.payload(ctx, "", driver+".inf", "drivers/*/"+driver+".inf", "$WinPEDriver$/*/"+driver+".inf")
		if err != nil {
			return "", err
		}
		code, again, err := d.installOne(ctx, r, inf)
		if err != nil {
			return "", err
		}
		reboot = reboot || again
		done = append(done, fmt.Sprintf("%s.inf (code %d)", driver, code))
	}
	return "pnputil.exe installed " + strings.Join(done, ", "), d.restart(ctx, r, reboot)
}

// installOne installs the MSI or one driver package, of which every file is
// checked first.
func (d *Drivers) installOne(ctx context.Context, r *run, file guest.PayloadFindResult) (exit int, reboot bool, err error) {
	p := guest.InstallParameters{Path: file.Path, SHA256: file.SHA256, TimeoutSeconds: 40 * 60}
	if strings.HasSuffix(file.Path, ".inf") {
		p.Beside = file.Beside
	}
	result, wish, err := guest.DriversInstall.Detached(ctx, r.session, p, guest.Detachment{})
	return result.ExitCode, bool(wish), err
}

func (d *Drivers) restart(ctx context.Context, r *run, asked bool) error {
	if !asked {
		return nil
	}
	return r.restart(ctx, "the virtio drivers ask for it")
}

func versions(v guest.DriversVerifyResult) string {
	var list []string
	for _, d := range v.Drivers {
		if d.Present {
			list = append(list, strings.TrimSpace(d.Name+" "+d.Version))
		}
	}
	return strings.Join(list, ", ")
}

func (d *Drivers) agent(ctx context.Context, r *run) error {
	found, _, err := guest.AgentVerify.Do(ctx, r.session, guest.None{})
	if err != nil {
		return err
	}
	if !found.OK {
		problems := strings.Join(found.Problems, "; ")
		if d.Repair.False() {
			return fmt.Errorf("%s; repair is off", problems)
		}
		r.ui.Say("Installing the QEMU guest agent, since " + problems)
		msi, err := r.payload(ctx, d.AgentInstaller, "qemu-ga-x86_64.msi", "wintemplate/tools/qemu-ga-x86_64.msi", "guest-agent/qemu-ga-x86_64.msi")
		if err != nil {
			return fmt.Errorf("%s; %w", problems, err)
		}
		_, reboot, err := guest.AgentInstall.Detached(ctx, r.session, guest.InstallParameters{
			Path: msi.Path, SHA256: msi.SHA256, Properties: []string{}, TimeoutSeconds: 15 * 60,
		}, guest.Detachment{})
		if err != nil {
			return err
		}
		if reboot {
			if err := r.restart(ctx, "the guest agent asks for it"); err != nil {
				return err
			}
		}
		if found, _, err = guest.AgentVerify.Do(ctx, r.session, guest.None{}); err != nil {
			return err
		}
		if !found.OK {
			return errors.New("qemu-ga-x86_64.msi was installed, and still " + strings.Join(found.Problems, "; "))
		}
	}
	r.ui.Say("QEMU guest agent: " + found.Version)
	return nil
}
