package guest

import (
	"encoding/hex"
	"fmt"
	"strconv"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// seat is where the guest is and who logs on, as the builder tells it.
type seat struct {
	Host     string
	Port     int
	User     string
	Password string
	Run      string // Packer's id of this run, the same for all provisioners
	Build    string // the source's type and name, the same for all provisioners of a build
	ID       string // the machine's, as far as its builder tells it
	// Guest is nil when the builder is not one of this plugin.
	Guest *handoff.Guest
	pin   winrm.Pin
}

// readSeat reads the builder's generated data. Across Packer's RPC a port may
// come as any number, or as text.
func readSeat(generated map[string]any) (seat, error) {
	text := func(key string) string {
		if v, ok := generated[key]; ok && v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	s := seat{Host: text("Host"), User: text("User"), Password: text("Password"), Run: text("PackerRunUUID"), ID: text("ID")}
	if s.Password == "" {
		s.Password = text("WinRMPassword")
	}
	redact.Add(s.Password)
	port, portErr := strconv.Atoi(text("Port"))
	s.Port = port
	raw := text(handoff.GuestKey)
	if raw == "" {
		return s, nil
	}
	g, err := handoff.ParseGuest(raw)
	if err != nil {
		return seat{}, err
	}
	s.Guest = &g
	if _, err := hex.Decode(s.pin[:], []byte(g.CertificateSHA256)); err != nil {
		return seat{}, fmt.Errorf("%s: certificate_sha256: %w", handoff.GuestKey, err)
	}
	if s.Host == "" || portErr != nil || s.User == "" || s.Password == "" {
		return seat{}, fmt.Errorf("the build's generated data lack Host (%q), Port (%q), User (%q) or Password", s.Host, text("Port"), s.User)
	}
	return s, nil
}

// manifest is the digest of the answer disc's manifest, empty for a guest
// that was not installed by this plugin.
func (s seat) manifest() string {
	if s.Guest == nil {
		return ""
	}
	return s.Guest.DiscManifestSHA256
}

// line is how the guest is spoken to: by a client of our own, pinned to the
// build's certificate, or through the communicator that Packer gives.
func (s seat) line(comm packersdk.Communicator, say func(string)) line {
	if s.Guest == nil {
		return newRelay(comm)
	}
	return newWire(s.endpoint(), say)
}

func (s seat) endpoint() winrm.Endpoint {
	return winrm.Endpoint{Host: s.Host, Port: s.Port, User: s.User, Password: s.Password, Pin: s.pin}
}
