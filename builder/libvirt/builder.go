// Package libvirt is the builder wintemplate-libvirt: it installs Windows from
// an ISO on a libvirt host and leaves a sealed, checked qcow2.
package libvirt

import (
	"context"
	"errors"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// Builder is the component; Packer makes one for each source block.
type Builder struct {
	config Config
}

// Prepare checks the template. Its first result declares the one value that
// this builder adds for provisioners.
func (b *Builder) Prepare(raws ...any) (generated, warnings []string, err error) {
	warnings, err = b.config.Prepare(raws...)
	return []string{handoff.GuestKey}, warnings, err
}

// Run builds the template.
func (b *Builder) Run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) (packersdk.Artifact, error) {
	return nil, errors.New("not yet")
}
