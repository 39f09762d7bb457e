package discs

import (
	"context"
	"path"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// burn writes the files as a disc as Microsoft's are: UDF beside an ISO 9660
// stub, two El Torito entries whose images are hidden copies.
func burn(ctx context.Context, out, label string, files map[string][]byte, local map[string]string, l *loaders) error {
	bios := media.BytesFile(path.Base(discBIOS), l.BIOS)
	uefi := media.BytesFile("efisys.bin", l.Prompt)
	spec := media.DiscSpec{Label: label, BIOS: &bios, BIOSBootInfoTable: true, UEFI: &uefi}
	for name, body := range files {
		spec.Files = append(spec.Files, media.BytesFile(name, body))
	}
	for name, from := range local {
		file, err := media.LocalFile(name, from)
		if err != nil {
			return err
		}
		spec.Files = append(spec.Files, file)
	}
	return media.BuildDisc(ctx, out, spec)
}
