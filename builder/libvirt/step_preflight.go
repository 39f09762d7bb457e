package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// surveyor is what the preflight asks of libvirt.
type surveyor interface {
	DomainNames(ctx context.Context) ([]string, error)
	FindPool(ctx context.Context, name string) (libvirtapi.Pool, error)
	Network(ctx context.Context, name string) (libvirtapi.Network, error)
	StartNetwork(ctx context.Context, name string) (started bool, err error)
}

var _ surveyor = (*libvirtapi.Conn)(nil)

// stepPreflight looks at everything that the build will need before the first
// long thing happens, and names all problems at once.
type stepPreflight struct {
	config *Config
	space  func(path string) (uint64, error)
	locks  string // the folder of the locks on output directories

	release func() error
}

func (s *stepPreflight) Title() string { return "Checking the host" }

func (s *stepPreflight) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepPreflight) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepPreflight) Do(ctx context.Context, bag multistep.StateBag) error {
	host, err := hostAs[surveyor](bag)
	if err != nil {
		return err
	}
	facts, err := theHostFacts.Get(bag)
	if err != nil {
		return err
	}
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return err
	}

	problems := []error{
		s.claimOutput(),
		s.checkName(ctx, host),
		s.checkNetwork(ctx, host, ui.Say),
		checkOutput(s.config.OutputDir, s.config.VMName, s.config.PackerForce),
	}
	pool, err := s.findPool(ctx, host, ui.Say)
	if err != nil {
		problems = append(problems, err)
	} else {
		thePool.Put(bag, pool)
		if plan, ok := theDraft.Lookup(bag); ok {
			problems = append(problems, checkSpace(s.config, plan, pool, facts, s.space)...)
		}
	}
	return errors.Join(problems...)
}

// Undo lets other builds have the output directory.
func (s *stepPreflight) Undo(context.Context, multistep.StateBag) error {
	if s.release == nil {
		return nil
	}
	err := s.release()
	s.release = nil
	return err
}

func (s *stepPreflight) claimOutput() (err error) {
	s.release, err = claimOutput(s.locks, s.config.OutputDir)
	return err
}

func (s *stepPreflight) checkName(ctx context.Context, host surveyor) error {
	names, err := host.DomainNames(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(names, s.config.VMName) {
		return fmt.Errorf("vm_name: a domain %q is on %s already; choose another name or, if no other build is using it, remove it with: virsh -c %s destroy %s; virsh -c %s undefine --nvram %s",
			s.config.VMName, s.config.LibvirtURI, s.config.LibvirtURI, s.config.VMName, s.config.LibvirtURI, s.config.VMName)
	}
	return nil
}

func (s *stepPreflight) findPool(ctx context.Context, host surveyor, say func(string)) (libvirtapi.Pool, error) {
	name := s.config.StoragePool
	if s.config.poolUnset {
		name = ""
	}
	pool, err := host.FindPool(ctx, name)
	if err != nil {
		return pool, fmt.Errorf("storage_pool: %w", err)
	}
	if pool.Created {
		say(fmt.Sprintf("The host had no storage pool: made %q over %s, for as long as libvirt runs", pool.Name, pool.Path))
	}
	return pool, nil
}

func (s *stepPreflight) checkNetwork(ctx context.Context, host surveyor, say func(string)) error {
	network, err := host.Network(ctx, s.config.Network)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if !network.DHCP {
		return fmt.Errorf("network: %q gives no addresses by libvirt's DHCP, so the machine could not be found; use a network with <dhcp>, such as default", s.config.Network)
	}
	started, err := host.StartNetwork(ctx, s.config.Network)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if started {
		say(fmt.Sprintf("Started the network %q; it is left running", s.config.Network))
	}
	return nil
}

// checkOutput wants a folder that can be made. It makes nothing.
func checkOutput(dir, vmName string, force bool) error {
	if _, err := os.Lstat(dir); err == nil && !force {
		return fmt.Errorf("output_directory: %s exists; remove it, choose another, or give -force to have an earlier output replaced", dir)
	}
	if _, err := earlierOutput(dir, vmName); err != nil {
		return err
	}
	parent := existingParent(dir)
	info, err := os.Stat(parent)
	if err != nil {
		return fmt.Errorf("output_directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("output_directory: %s is not a folder", parent)
	}
	probe, err := os.MkdirTemp(parent, ".wintemplate-probe-")
	if err != nil {
		return fmt.Errorf("output_directory: can't write to %s: %w", parent, err)
	}
	return os.Remove(probe)
}

// existingParent is the nearest folder above dir that exists.
func existingParent(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "."
	}
	for p := filepath.Dir(abs); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			return p
		}
	}
}

// checkSpace compares what the plan needs with what is free in the pool and
// under output_directory.
func checkSpace(c *Config, plan *Plan, pool libvirtapi.Pool, host libvirtapi.Host, space func(string) (uint64, error)) []error {
	var problems []error
	var copied int64
	if libvirtapi.CheckAccess(host, plan.Files.ISO, libvirtapi.LocalStat) != nil {
		if info, err := os.Stat(plan.Files.ISO); err == nil {
			copied = info.Size()
		}
	}
	if need := plan.poolNeeds(copied); pool.Available < uint64(need) {
		problems = append(problems, fmt.Errorf("storage_pool: %q (%s) has %s free, the build needs about %s: the installed disk, its compacted copy and the discs",
			pool.Name, pool.Path, gib(int64(pool.Available)), gib(need)))
	}
	parent := existingParent(c.OutputDir)
	free, err := space(parent)
	if err != nil {
		return append(problems, fmt.Errorf("output_directory: free space of %s: %w", parent, err))
	}
	if need := plan.outputNeeds(); free < uint64(need) {
		problems = append(problems, fmt.Errorf("output_directory: %s has %s free, the template needs about %s", parent, gib(int64(free)), gib(need)))
	}
	return problems
}
