package libvirtapi

import (
	"context"
	"encoding/hex"
	xmldec "encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// Domain is a handle to a virtual machine that libvirt knows. It stays valid over
// reconnections: every call finds the domain by its UUID.
type Domain struct {
	Name string
	UUID string // RFC 4122 text, lower case
}

// handle is what the protocol wants. libvirt goes by the UUID alone.
func (d Domain) handle() golibvirt.Domain {
	h := golibvirt.Domain{Name: d.Name, ID: -1}
	b, err := hex.DecodeString(strings.ReplaceAll(d.UUID, "-", ""))
	if err == nil {
		copy(h.UUID[:], b)
	}
	return h
}

func domainOf(d golibvirt.Domain) Domain { return Domain{Name: d.Name, UUID: formatUUID(d.UUID)} }

func formatUUID(u golibvirt.UUID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// nothing is the result of calls that only succeed or fail.
type nothing = struct{}

func only(f func(*golibvirt.Libvirt) error) func(*golibvirt.Libvirt) (nothing, error) {
	return func(l *golibvirt.Libvirt) (nothing, error) { return nothing{}, f(l) }
}

// DomainNames lists the names taken on the host, running or not, sorted.
func (c *Conn) DomainNames(ctx context.Context) ([]string, error) {
	return ask(ctx, c, "list the domains of", c.uri, func(l *golibvirt.Libvirt) ([]string, error) {
		all, _, err := l.ConnectListAllDomains(1, 0)
		names := make([]string, 0, len(all))
		for _, d := range all {
			names = append(names, d.Name)
		}
		slices.Sort(names)
		return names, err
	})
}

// LookupDomain finds a domain by name; ErrNotFound.
func (c *Conn) LookupDomain(ctx context.Context, name string) (Domain, error) {
	return ask(ctx, c, "find domain", name, func(l *golibvirt.Libvirt) (Domain, error) {
		d, err := l.DomainLookupByName(name)
		return domainOf(d), err
	})
}

// LookupDomainUUID finds a domain by UUID, whatever its name is now; ErrNotFound.
func (c *Conn) LookupDomainUUID(ctx context.Context, uuid string) (Domain, error) {
	return ask(ctx, c, "find domain", uuid, func(l *golibvirt.Libvirt) (Domain, error) {
		d, err := l.DomainLookupByUUID(Domain{UUID: uuid}.handle().UUID)
		return domainOf(d), err
	})
}

// DomainOwner reads the metadata that DomainXML wrote; ErrNotFound for a domain that is not ours.
func (c *Conn) DomainOwner(ctx context.Context, d Domain) (Owner, error) {
	doc, err := ask(ctx, c, "read the metadata of domain", d.Name, func(l *golibvirt.Libvirt) (string, error) {
		return l.DomainGetMetadata(d.handle(), int32(golibvirt.DomainMetadataElement), opt(ownerNamespace), golibvirt.DomainAffectCurrent)
	})
	if err != nil {
		return Owner{}, err
	}
	return parseOwner(doc)
}

// DefineDomain makes a persistent domain, not started; ErrExists when its name or UUID is taken. A document
// that libvirt's schema does not know is refused, rather than read without the unknown part.
func (c *Conn) DefineDomain(ctx context.Context, xml string) (Domain, error) {
	name, uuid, err := identity(xml)
	if err != nil {
		return Domain{}, err
	}
	taken := func() error {
		if _, err := c.LookupDomain(ctx, name); err == nil {
			return &Error{
				Op: "define domain", Object: name, Message: "a domain of this name is there already", Kind: ErrExists,
				Remedy: "choose another name or, if nobody is using it, remove it: virsh undefine --nvram " + name,
			}
		}
		if uuid == "" {
			return nil
		}
		// libvirt would redefine a domain with this UUID, whosever it is.
		if other, err := c.LookupDomainUUID(ctx, uuid); err == nil {
			return &Error{Op: "define domain", Object: name, Message: fmt.Sprintf("its UUID belongs to domain %q", other.Name), Kind: ErrExists}
		}
		return nil
	}
	if err := taken(); err != nil {
		return Domain{}, err
	}
	d, err := act(ctx, c, "define domain", name, func(l *golibvirt.Libvirt) (Domain, error) {
		d, err := l.DomainDefineXMLFlags(xml, golibvirt.DomainDefineValidate)
		return domainOf(d), err
	})
	err = firmwareError(err)
	// Somebody else may have been quicker; libvirt's number for that is a general one.
	if code(err, golibvirt.ErrOperationFailed) {
		if other := taken(); other != nil {
			return Domain{}, other
		}
	}
	return d, err
}

// DomainXML gives the domain's document as libvirt has it now.
func (c *Conn) DomainXML(ctx context.Context, d Domain) (string, error) {
	return ask(ctx, c, "read the XML of domain", d.Name, func(l *golibvirt.Libvirt) (string, error) {
		return l.DomainGetXMLDesc(d.handle(), 0)
	})
}

// StartPaused creates the guest with its CPUs stopped, so that console and events are complete.
func (c *Conn) StartPaused(ctx context.Context, d Domain) error {
	_, err := act(ctx, c, "start domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		_, err := l.DomainCreateWithFlags(d.handle(), uint32(golibvirt.DomainStartPaused))
		return err
	}))
	return firmwareError(err)
}

// Resume lets the CPUs run.
func (c *Conn) Resume(ctx context.Context, d Domain) error {
	_, err := act(ctx, c, "resume domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainResume(d.handle())
	}))
	return err
}

// Shutdown asks the guest to power off, as its power button does. AwaitOff tells when it has.
func (c *Conn) Shutdown(ctx context.Context, d Domain) error {
	_, err := act(ctx, c, "shut down domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainShutdownFlags(d.handle(), golibvirt.DomainShutdownAcpiPowerBtn)
	}))
	return err
}

// Destroy ends the guest at once. A domain that is off or gone is no error.
func (c *Conn) Destroy(ctx context.Context, d Domain) error {
	_, err := ask(ctx, c, "destroy domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainDestroyFlags(d.handle(), 0)
	}))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, ErrState):
		s, stateErr := c.State(ctx, d)
		if errors.Is(stateErr, ErrNotFound) || stateErr == nil && !s.Active() {
			return nil
		}
	}
	return err
}

// undefineFlags take everything of the domain's along: without NVRAM, undefining a UEFI domain fails. libvirt
// refuses bits that it does not know, and TPM came with 8.9.
func undefineFlags(v Version) golibvirt.DomainUndefineFlagsValues {
	f := golibvirt.DomainUndefineManagedSave | golibvirt.DomainUndefineSnapshotsMetadata |
		golibvirt.DomainUndefineCheckpointsMetadata | golibvirt.DomainUndefineNvram
	if v >= 8_009_000 {
		f |= golibvirt.DomainUndefineTpm
	}
	return f
}

// Undefine removes the definition with NVRAM, TPM state, managed save and metadata of snapshots and
// checkpoints. A domain that is gone is no error. A running one goes on without its definition: Destroy first.
func (c *Conn) Undefine(ctx context.Context, d Domain) error {
	const op = "undefine domain"
	v, err := ask(ctx, c, "ask the version of", "libvirt", (*golibvirt.Libvirt).ConnectGetLibVersion)
	if err != nil {
		return err
	}
	_, err = ask(ctx, c, op, d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainUndefineFlags(d.handle(), undefineFlags(Version(v)))
	}))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// SetLink raises or drops the link of the card with this MAC, in the running guest and in its definition.
func (c *Conn) SetLink(ctx context.Context, d Domain, mac string, up bool) error {
	doc, err := c.DomainXML(ctx, d)
	if err != nil {
		return err
	}
	nic, err := linkXML(doc, mac, up)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, d)
	if err != nil {
		return err
	}
	flags := golibvirt.DomainDeviceModifyConfig
	if s.Active() {
		flags |= golibvirt.DomainDeviceModifyLive
	}
	_, err = act(ctx, c, "set the link of domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainUpdateDeviceFlags(d.handle(), nic, flags)
	}))
	return err
}

// AttachDisk plugs a disk into the running guest, not into its definition. target is the device name, such as
// "vdb". On virtio-blk it takes one of the spare PCI Express ports.
func (c *Conn) AttachDisk(ctx context.Context, d Domain, target string, disk DiskSpec) error {
	doc, err := diskDeviceXML(target, disk)
	if err != nil {
		return err
	}
	_, err = act(ctx, c, "attach disk to domain", d.Name, only(func(l *golibvirt.Libvirt) error {
		return l.DomainAttachDeviceFlags(d.handle(), doc, uint32(golibvirt.DomainAffectLive))
	}))
	return err
}

// identity reads name and UUID from a domain's document.
func identity(doc string) (name, uuid string, err error) {
	var x struct {
		Name string `xml:"name"`
		UUID string `xml:"uuid"`
	}
	if err := xmldec.Unmarshal([]byte(doc), &x); err != nil {
		return "", "", fmt.Errorf("the domain's XML can't be read: %w", err)
	}
	return strings.TrimSpace(x.Name), strings.TrimSpace(x.UUID), nil
}
