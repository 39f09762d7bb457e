package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/fat"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/authenticode"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// bootDir holds the images that oscdimg puts into the boot catalogue.
const bootDir = "efi/microsoft/boot"

// MarkForUEFI says what to try with a disc of BootFacts.Unmarked.
const MarkForUEFI = "genisoimage marks one that it is given by -e efi/microsoft/boot/efisys.bin instead of -eltorito-boot: make the ISO anew so, or give Microsoft's"

// maxBootImage bounds a boot image; Microsoft's have 1,474,560 bytes.
const maxBootImage = 512 << 20

// efiBoot is the disc's UEFI boot image and its variants.
type efiBoot struct {
	entry eltorito.Entry
	// current are the variants whose bytes are those that the catalogue names:
	// more than one when the disc holds a file under two names.
	current []variant
	all     []variant
}

// variant is one of the disc's efisys files. Newer media hold pairs of two
// authorities (efisys_EX.bin beside efisys.bin), some under the older names, so
// only the bytes tell which one boots.
type variant struct {
	path string
	Source
}

// noPrompt goes by the name: nothing in the bytes says it in words that could
// be relied on, and the name is the only promise that Microsoft makes.
func (v variant) noPrompt() bool {
	return strings.Contains(strings.ToLower(path.Base(v.path)), "noprompt")
}

// findBoot finds the one EFI image of the catalogue and the disc's files with
// the same bytes, as far as samples tell; sameBytes proves it.
func (i *Image) findBoot(catalog *eltorito.Catalog) (*efiBoot, error) {
	entries := catalog.Bootable(eltorito.EFI)
	switch {
	case catalog.UnmarkedEFI():
		return nil, refused("none of its boot catalogue's %d entries is marked for UEFI (platform 0xEF); %s", len(catalog.Entries), MarkForUEFI)
	case len(entries) == 0:
		return nil, refused("its boot catalogue has no EFI entry")
	case len(entries) > 1:
		return nil, refused("its boot catalogue has %d EFI entries, one is known", len(entries))
	case entries[0].Media != 0:
		return nil, refused("its EFI boot image asks for emulation %d", entries[0].Media)
	}
	b := &efiBoot{entry: entries[0]}
	var err error
	if b.all, err = i.variants(); err != nil {
		return nil, err
	}
	var names []string
	for _, v := range b.all {
		names = append(names, v.path)
		same, err := b.sampledEqual(i, v)
		if err != nil {
			return nil, err
		}
		if same {
			b.current = append(b.current, v)
		}
	}
	if len(b.current) == 0 {
		if len(names) == 0 {
			return nil, refused("it has no %s/efisys.bin", bootDir)
		}
		return nil, refused("its EFI boot image at sector %d is none of %s", b.entry.Sector, strings.Join(names, ", "))
	}
	return b, nil
}

// variants are the disc's efisys files, in the order of their names.
func (i *Image) variants() ([]variant, error) {
	entries, err := fs.ReadDir(i.FS(), bootDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []variant
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if e.IsDir() || udf.Printable(name) != name || !strings.HasPrefix(name, "efisys") || path.Ext(name) != ".bin" {
			continue
		}
		file, err := i.FS().Open(bootDir + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		if s, ok := file.(Source); ok && s.Size() > 0 && s.Size() <= maxBootImage {
			out = append(out, variant{bootDir + "/" + e.Name(), s})
		}
	}
	return out, nil
}

// at is the image that the catalogue names, read as n bytes.
func (b *efiBoot) at(i *Image, n int64) Source {
	start := int64(b.entry.Sector) * sectorSize
	return io.NewSectionReader(i.r, start, min(n, i.size-start))
}

// sampledEqual compares the start, which holds the FAT, the directories and the
// first program's header with its checksum, and samples of the rest.
func (b *efiBoot) sampledEqual(i *Image, v variant) (bool, error) {
	image := b.at(i, v.Size())
	if image.Size() < v.Size() {
		return false, nil
	}
	return equalSpans(image, v, []span{
		{0, min(20<<10, v.Size())},
		{v.Size() / 3, min(2<<10, v.Size()/3)},
		{v.Size() / 3 * 2, min(2<<10, v.Size()/3)},
	})
}

// sameBytes proves that the catalogue's image is v.
func (b *efiBoot) sameBytes(i *Image, v variant) (bool, error) {
	image := b.at(i, v.Size())
	if image.Size() < v.Size() {
		return false, nil
	}
	return equalSpans(image, v, []span{{0, v.Size()}})
}

type span struct{ at, length int64 }

func equalSpans(a, b io.ReaderAt, spans []span) (bool, error) {
	var chunk int64 // most are small, and there are thousands of them
	for _, s := range spans {
		chunk = max(chunk, min(s.length, 256<<10))
	}
	x, y := make([]byte, chunk), make([]byte, chunk)
	for _, s := range spans {
		for done := int64(0); done < s.length; done += chunk {
			n := min(chunk, s.length-done)
			if m, err := a.ReadAt(x[:n], s.at+done); int64(m) < n {
				return false, err
			}
			if m, err := b.ReadAt(y[:n], s.at+done); int64(m) < n {
				return false, err
			}
			if !bytes.Equal(x[:n], y[:n]) {
				return false, nil
			}
		}
	}
	return true, nil
}

// facts says what is known of the boot image.
func (b *efiBoot) facts(i *Image) (BootFacts, error) {
	out := BootFacts{File: b.current[0].path, Prompt: true}
	for _, v := range b.current {
		if v.noPrompt() {
			out.File, out.Prompt = v.path, false
		}
	}
	var err error
	var refusal *RefusedError
	out.Signers, err = signers(b.current[0])
	if err != nil && !errors.As(err, &refusal) {
		return out, err
	}
	for _, name := range []string{"bootx64.efi", "bootaa64.efi", "bootia32.efi"} {
		file, err := i.FS().Open("efi/boot/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, err
		}
		defer file.Close()
		s, ok := file.(Source)
		if !ok {
			continue
		}
		names, err := authenticode.Issuers(s, s.Size())
		if errors.Is(err, authenticode.ErrNotPE) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("efi/boot/%s: %w", name, err)
		}
		out.LoaderSigners = names
		break
	}
	return out, nil
}

// signers gives the authorities behind the programs in a boot image.
func signers(s Source) ([]string, error) {
	vol, err := fat.Open(s, s.Size())
	if err != nil {
		return nil, refused("its EFI boot image: %v", err)
	}
	entries, err := vol.List("EFI/BOOT")
	if err != nil {
		return nil, refused("its EFI boot image: %v", err)
	}
	var out []string
	found := false
	for _, e := range entries {
		if e.Dir || !strings.EqualFold(path.Ext(e.Name), ".EFI") {
			continue
		}
		found = true
		program, err := vol.Open("EFI/BOOT/" + e.Name)
		if err != nil {
			return nil, refused("its EFI boot image: %v", err)
		}
		names, err := authenticode.Issuers(program, program.Size())
		if err != nil {
			return nil, refused("its EFI boot image: EFI/BOOT/%s: %v", e.Name, err)
		}
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	if !found {
		return nil, refused("its EFI boot image has no program in EFI/BOOT")
	}
	slices.Sort(out)
	return out, nil
}

// replacement is the variant without a prompt, by the authority that signed the
// present one and of the same length; nil when the present one has no prompt.
func (b *efiBoot) replacement(i *Image) (*variant, error) {
	var present *variant
	for k := range b.current {
		v := &b.current[k]
		same, err := b.sameBytes(i, *v)
		if err != nil {
			return nil, err
		}
		if !same {
			continue
		}
		if v.noPrompt() {
			return nil, nil
		}
		present = v
	}
	if present == nil {
		return nil, refused("its EFI boot image at sector %d resembles %s but differs from it", b.entry.Sector, b.current[0].path)
	}
	want, err := signers(*present)
	if err != nil {
		return nil, err
	}
	var reasons []string
	var fits []*variant
	for k := range b.all {
		v := &b.all[k]
		if !v.noPrompt() {
			continue
		}
		if v.Size() != present.Size() {
			reasons = append(reasons, fmt.Sprintf("%s has %d bytes, %s has %d", v.path, v.Size(), present.path, present.Size()))
			continue
		}
		have, err := signers(*v)
		if err != nil {
			reasons = append(reasons, fmt.Sprintf("%s: %v", v.path, err))
			continue
		}
		if !slices.Equal(have, want) {
			reasons = append(reasons, fmt.Sprintf("%s is signed by %s, the present image by %s", v.path, orNone(have), orNone(want)))
			continue
		}
		fits = append(fits, v)
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) > 1:
		// of several, that whose name differs by the word alone
		plain := func(p string) string { return strings.Replace(strings.ToLower(p), "_noprompt", "", 1) }
		for _, v := range fits {
			if plain(v.path) == strings.ToLower(present.path) {
				return v, nil
			}
		}
		return fits[0], nil
	case len(reasons) == 0:
		return nil, refused("it has no %s/efisys_noprompt.bin to put in the place of %s", bootDir, present.path)
	}
	return nil, refused("no image without a prompt fits: %s", strings.Join(reasons, "; "))
}

// change puts a variant in the place of the present image.
func (b *efiBoot) change(with variant) (change, error) {
	shared := ""
	for _, v := range b.current {
		if at, ok := v.run(); ok && at == b.entry.Sector {
			shared = v.path
		}
	}
	if shared == "" {
		return change{int64(b.entry.Sector) * sectorSize, with}, nil
	}
	at, ok := with.run()
	if !ok {
		return change{}, refused("its boot catalogue names the sectors of %s itself, and %s doesn't lie in one run of sectors", shared, with.path)
	}
	return change{b.entry.SectorOffset(), bytes.NewReader(binary.LittleEndian.AppendUint32(nil, at))}, nil
}

// run gives the sector from which on the variant lies in one run.
func (v variant) run() (uint32, bool) {
	f, ok := v.Source.(interface{ Run() (uint32, bool) })
	if !ok {
		return 0, false
	}
	return f.Run()
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
