package libvirt

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// newInputs makes the build's identity and its password from random bytes, and
// registers the password for redaction.
func newInputs(c *Config, random io.Reader) (*inputs, error) {
	var b [16 + 3 + 4]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("random numbers for the build: %w", err)
	}
	uuid := b[:16]
	uuid[6] = uuid[6]&0x0f | 0x40 // version 4, RFC 4122
	uuid[8] = uuid[8]&0x3f | 0x80
	h := hex.EncodeToString(uuid)
	in := &inputs{ID: identity{
		Build: hex.EncodeToString(b[19:]),
		UUID:  h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:],
		MAC:   fmt.Sprintf("52:54:00:%02x:%02x:%02x", b[16], b[17], b[18]),
	}}
	in.Password = c.Comm.WinRMPassword
	if in.Password == "" {
		var err error
		if in.Password, err = windows.RandomPassword(random, c.Comm.WinRMUser, "Administrator", c.ComputerName, "WT-"+in.ID.Build); err != nil {
			return nil, fmt.Errorf("winrm_password: %w", err)
		}
	}
	redact.Add(in.Password)
	return in, nil
}

// volumeName names a volume of this build in the pool. The build's id in it
// keeps two builds of one template apart.
func volumeName(c *Config, id identity, purpose string) string {
	return c.VMName + "-" + id.Build + purpose
}
