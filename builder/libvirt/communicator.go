package libvirt

import (
	"context"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// redacting is a communicator that masks secrets in what the guest writes, and
// is otherwise what it wraps.
type redacting struct{ packersdk.Communicator }

// Start runs a command with its output masked.
func (c redacting) Start(ctx context.Context, cmd *packersdk.RemoteCmd) error {
	if cmd.Stdout != nil {
		cmd.Stdout = redact.Writer(cmd.Stdout)
	}
	if cmd.Stderr != nil {
		cmd.Stderr = redact.Writer(cmd.Stderr)
	}
	return redact.Error(c.Communicator.Start(ctx, cmd))
}
