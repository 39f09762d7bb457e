package guest

import (
	"context"
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// payload finds an installer on the guest's discs. local, when the user gave
// it, is a file on the machine that runs Packer: the guest's disc must hold
// the very same bytes, or it is sent.
func (r *run) payload(ctx context.Context, local, name string, patterns ...string) (guest.PayloadFindResult, error) {
	p := guest.PayloadFindParameters{ManifestSHA256: r.seat.manifest(), Patterns: patterns}
	var file delivery.File
	if local != "" {
		var err error
		if file, err = delivery.LocalFile(local); err != nil {
			return guest.PayloadFindResult{}, err
		}
		p.SHA256 = file.SHA256
		p.Patterns = append(p.Patterns, "*"+file.Name)
	}
	if p.ManifestSHA256 == "" && p.SHA256 == "" {
		return guest.PayloadFindResult{}, fmt.Errorf("there is no answer disc of this plugin to take %s from: name the file with installer", name)
	}
	found, _, err := guest.PayloadFind.Do(ctx, r.session, p)
	if err != nil {
		return found, err
	}
	if found.Found {
		return found, nil
	}
	if local != "" {
		return r.send(ctx, local, file, name)
	}
	if len(found.Offered) == 0 {
		return found, fmt.Errorf("%s: no disc of the guest (%s) holds this build's wintemplate/manifest.json; is the answer disc still in the drive?", name, strings.Join(found.Searched, " "))
	}
	return found, &notOnDiscError{name: name, offered: found.Offered}
}

// notOnDiscError is a file that the answer disc does not hold.
type notOnDiscError struct {
	name    string
	offered []string
}

func (e *notOnDiscError) Error() string {
	remedy := "add it to payload, or name it with installer"
	if strings.HasSuffix(e.name, ".inf") {
		remedy = "build it with the drivers for Windows Setup, or add virtio-win-gt-x64.msi to payload"
	}
	return fmt.Sprintf("the answer disc holds no %s; %s. The disc holds %s", e.name, remedy, strings.Join(e.offered, ", "))
}

func (r *run) send(ctx context.Context, local string, f delivery.File, name string) (guest.PayloadFindResult, error) {
	remote := `C:\Windows\Temp\wintemplate-` + f.SHA256[:12] + `-` + name
	r.ui.Say(fmt.Sprintf("Sending %s (%d MB)", f.Name, f.Size>>20))
	if err := r.deliver.send(ctx, local, f, remote, r.ui.Say); err != nil {
		return guest.PayloadFindResult{}, fmt.Errorf("send %s: %w", f.Name, err)
	}
	return guest.PayloadFindResult{Found: true, Path: remote, Name: name, Size: f.Size, SHA256: f.SHA256}, nil
}
