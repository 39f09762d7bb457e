package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// libvirtHost is the connection as the steps see it: libvirtapi's, with the
// console as a plain channel.
type libvirtHost struct{ *libvirtapi.Conn }

// Listen opens COM1. The channel is closed when the machine stops, or by the
// returned function.
func (h libvirtHost) Listen(ctx context.Context, d libvirtapi.Domain) (<-chan libvirtapi.ConsoleLine, func(), error) {
	console, err := h.Console(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	return console.Lines(), console.Close, nil
}

// The kinds of journal entries.
const (
	kindDomain  = "domain"  // a definition with its NVRAM
	kindMachine = "machine" // a running guest
	kindVolume  = "volume"
	kindFolder  = "folder" // one that is this build's alone
	kindOutput  = "output" // output_directory, which may hold what others put there
)

func domainEntry(uri string, d libvirtapi.Domain) stepkit.Entry {
	return stepkit.Entry{
		Kind: kindDomain, Host: uri, Name: d.Name, UUID: d.UUID,
		Remedy: fmt.Sprintf("virsh -c %s destroy %s; virsh -c %s undefine --nvram %s", uri, d.Name, uri, d.Name),
	}
}

func machineEntry(uri string, d libvirtapi.Domain) stepkit.Entry {
	return stepkit.Entry{
		Kind: kindMachine, Host: uri, Name: d.Name, UUID: d.UUID,
		Remedy: fmt.Sprintf("virsh -c %s destroy %s", uri, d.Name),
	}
}

func volumeEntry(uri, pool, name string) stepkit.Entry {
	return stepkit.Entry{
		Kind: kindVolume, Host: uri, Parent: pool, Name: name,
		Remedy: fmt.Sprintf("virsh -c %s vol-delete --pool %s %s", uri, pool, name),
	}
}

func folderEntry(path string) stepkit.Entry {
	return stepkit.Entry{Kind: kindFolder, Name: path, Remedy: "rm -r " + path}
}

// remover is what taking back needs of libvirt.
type remover interface {
	LookupDomain(ctx context.Context, name string) (libvirtapi.Domain, error)
	Destroy(ctx context.Context, d libvirtapi.Domain) error
	Undefine(ctx context.Context, d libvirtapi.Domain) error
	LookupVolume(ctx context.Context, pool, name string) (libvirtapi.Volume, error)
	DeleteVolume(ctx context.Context, v libvirtapi.Volume) error
}

var _ remover = (*libvirtapi.Conn)(nil)

// removers tell the journal how to take back what a build makes on one libvirt
// host. What is gone already is a success.
func removers(h remover) map[string]stepkit.Remover {
	domain := func(ctx context.Context, e stepkit.Entry, act func(context.Context, libvirtapi.Domain) error) error {
		d, err := h.LookupDomain(ctx, e.Name)
		if errors.Is(err, libvirtapi.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.UUID != e.UUID {
			return nil // a namesake that somebody else made
		}
		return act(ctx, d)
	}
	return map[string]stepkit.Remover{
		kindMachine: func(ctx context.Context, e stepkit.Entry) error {
			return domain(ctx, e, h.Destroy)
		},
		kindDomain: func(ctx context.Context, e stepkit.Entry) error {
			return domain(ctx, e, func(ctx context.Context, d libvirtapi.Domain) error {
				if err := h.Destroy(ctx, d); err != nil {
					return err
				}
				return h.Undefine(ctx, d)
			})
		},
		kindVolume: func(ctx context.Context, e stepkit.Entry) error {
			v, err := h.LookupVolume(ctx, e.Parent, e.Name)
			if errors.Is(err, libvirtapi.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			return h.DeleteVolume(ctx, v)
		},
		kindFolder: removeFolder,
		kindOutput: removeOutput,
	}
}

// remains says whether what an entry names is still there. What can't be asked
// counts as there.
func remains(ctx context.Context, h remover, e stepkit.Entry) bool {
	switch e.Kind {
	case kindDomain, kindMachine:
		d, err := h.LookupDomain(ctx, e.Name)
		return !errors.Is(err, libvirtapi.ErrNotFound) && (err != nil || d.UUID == e.UUID)
	case kindVolume:
		_, err := h.LookupVolume(ctx, e.Parent, e.Name)
		return !errors.Is(err, libvirtapi.ErrNotFound)
	case kindFolder:
		_, err := os.Lstat(e.Name)
		return !errors.Is(err, fs.ErrNotExist)
	case kindOutput:
		_, err := os.Lstat(filepath.Join(e.Name, buildMark))
		return !errors.Is(err, fs.ErrNotExist)
	}
	return true
}

// byHand is what a person has to remove, in the order in which it goes: the
// latest first, and a domain with its machine at once.
func byHand(left []stepkit.Entry) []stepkit.Entry {
	defined := map[string]bool{}
	for _, e := range left {
		defined[e.UUID] = defined[e.UUID] || e.Kind == kindDomain
	}
	var list []stepkit.Entry
	for _, e := range slices.Backward(left) {
		if e.Kind != kindMachine || !defined[e.UUID] {
			list = append(list, e)
		}
	}
	return list
}

// buildMark is the file in output_directory that says whose unfinished result
// lies there.
const buildMark = ".wintemplate-unfinished"

// outputEntry names what this build puts into output_directory.
func outputEntry(dir, vmName, build string) stepkit.Entry {
	return stepkit.Entry{
		Kind: kindOutput, Name: dir, Files: append(outputFiles(vmName), buildMark), UUID: build, Result: true,
		Remedy: "rm -r " + dir,
	}
}

// outputFiles are the disk and its manifest.
func outputFiles(vmName string) []string { return []string{vmName + ".qcow2", vmName + ".json"} }

// removeFolder removes a folder that nobody else uses.
func removeFolder(_ context.Context, e stepkit.Entry) error { return os.RemoveAll(e.Name) }

// removeOutput removes an unfinished result from output_directory, and the
// folder when nothing else is in it. It goes only while it is still marked as
// this build's unfinished one: since a build was killed, the user may have put
// something of value at the same place.
func removeOutput(_ context.Context, e stepkit.Entry) error {
	mark, err := os.ReadFile(filepath.Join(e.Name, buildMark))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if string(mark) != e.UUID {
		return nil
	}
	for _, name := range e.Files { // the mark is the last
		if err := os.Remove(filepath.Join(e.Name, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(e.Name)
	return nil
}
